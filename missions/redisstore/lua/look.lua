-- Makes a partition other than the first where there is none, and tries whether it can be written.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[1]  the schema's version       ARGV[2]  a UUID to name the partition with
-- ARGV[3]  this partition's number    ARGV[4]  how many there are
--
-- Answers schema, identity, partition, partitions, the number of the latest entry of the journal
-- that was applied, and '1' if there is no memory for more, otherwise ''.
local scratch = string.sub(KEYS[1], 1, -5) .. 'usable'
local tried = redis.pcall('SET', scratch, '')
redis.call('DEL', scratch)
local full = tried.err and string.find(tried.err, 'OOM', 1, true)
if redis.call('EXISTS', KEYS[1]) == 0 then
	redis.call('HSET', KEYS[1], 'schema', ARGV[1], 'identity', ARGV[2], 'partition', ARGV[3], 'partitions', ARGV[4])
end
local said = redis.call('HMGET', KEYS[1], 'schema', 'identity', 'partition', 'partitions', 'applied')
for i = 1, 4 do said[i] = said[i] or '' end
said[5], said[6] = said[5] or '0', full and '1' or ''
return said
