-- Begins a term, in a partition that is created where there is none.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[1]  the schema's version   ARGV[2]  a UUID to name the partition with
-- ARGV[3]  this partition's number   ARGV[4]  how many there are
--
-- Answers identity and epoch.
if redis.call('EXISTS', KEYS[1]) == 0 then
	redis.call('HSET', KEYS[1], 'schema', ARGV[1], 'identity', ARGV[2], 'partition', ARGV[3], 'partitions', ARGV[4])
end
local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
return {redis.call('HGET', KEYS[1], 'identity'), tostring(epoch)}
