-- Makes a partition where there is none, and begins a term.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[1]  the schema's version      ARGV[2]  a UUID to name the partition with
-- ARGV[3]  this partition's number   ARGV[4]  how many there are
-- ARGV[5]  a secret of the data set's supervisors
-- ARGV[6]  'look' to begin no term; who begins it; '' for whoever is alone
-- ARGV[7]  how far the clock is ahead (µs)   ARGV[8]  a UUID to name the term with
--
-- Answers schema, identity, partition, partitions, secret, epoch and the time in seconds and
-- microseconds; the error NOTLEADER if another supervisor leads.
if redis.call('EXISTS', KEYS[1]) == 0 then
	redis.call('HSET', KEYS[1], 'schema', ARGV[1], 'identity', ARGV[2], 'partition', ARGV[3], 'partitions', ARGV[4],
		'secret', ARGV[5], 'epoch', '0')
end
local clock = redis.call('TIME')
if ARGV[6] ~= 'look' then
	local was = redis.call('HMGET', string.sub(KEYS[1], 1, -5) .. 'leader', 'holder', 'until')
	local now = clock[1] * 1000000 + clock[2] + ARGV[7]
	if ARGV[6] ~= '' and was[1] and was[1] ~= ARGV[6] and tonumber(was[2]) and was[2] + 0 > now then
		return redis.error_reply('NOTLEADER another supervisor leads')
	end
	redis.call('HINCRBY', KEYS[1], 'epoch', 1)
	redis.call('HSET', KEYS[1], 'term', ARGV[8], 'commits', '0')
end
local said = redis.call('HMGET', KEYS[1], 'schema', 'identity', 'partition', 'partitions', 'secret', 'epoch')
for i = 1, 6 do said[i] = said[i] or '' end
said[7], said[8] = clock[1], clock[2]
return said
