-- Makes a partition's meta hash where there is none, and answers what it says.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[1]  the schema's version   ARGV[2]  a UUID to name the partition's outbox with
-- ARGV[3]  this partition's number   ARGV[4]  how many there are
--
-- Answers schema, identity, partition, partitions, bytes of the state.
if redis.call('EXISTS', KEYS[1]) == 0 then
	redis.call('HSET', KEYS[1], 'schema', ARGV[1], 'identity', ARGV[2], 'partition', ARGV[3], 'partitions', ARGV[4],
		'state', string.rep('\0', 14 * 8)) -- of zeros: lib/begin.lua
end
local said = redis.call('HMGET', KEYS[1], 'schema', 'identity', 'partition', 'partitions', 'state')
said[5] = #(said[5] or '')
return said
