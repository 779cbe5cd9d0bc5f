-- Keeps the scripts of schema 3 from a partition: each of them begins by reading the field state,
-- and fails where it is missing.
--
-- KEYS[1]  the partition's meta hash
--
-- Answers schema, identity, partition, partitions, state, and what the migration does next; ''
-- for what there is not.
local state = redis.call('HGET', KEYS[1], 'state')
if state then
	redis.call('HSET', KEYS[1], 'schema3_state', state)
	redis.call('HDEL', KEYS[1], 'state')
end
local said = redis.call('HMGET', KEYS[1], 'schema', 'identity', 'partition', 'partitions', 'schema3_state', 'migration')
for i = 1, 6 do said[i] = said[i] or '' end
return said
