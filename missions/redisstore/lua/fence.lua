-- Keeps the scripts of schema 3 from a partition: each of them begins by reading the field state,
-- and fails where it is missing. Writes of an earlier migration are refused from then on.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[1]  the name of the migration; '' to change nothing
--
-- Answers schema, identity, partition, partitions, state, what the migration does next, and the
-- masters that it began with; '' for what there is not.
local state = redis.call('HGET', KEYS[1], 'state')
local said = redis.call('HMGET', KEYS[1], 'schema', 'identity', 'partition', 'partitions', 'schema3_state', 'migration', 'masters')
for i = 1, 7 do said[i] = said[i] or '' end
said[5] = state or said[5]
if ARGV[1] == '' or said[1] ~= '3' then return said end
redis.call('HSET', KEYS[1], 'migrator', ARGV[1], 'schema3_state', said[5])
redis.call('HDEL', KEYS[1], 'state')
return said
