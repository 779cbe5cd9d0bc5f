-- Reads the counters.
--
-- KEYS[1]  the partition's meta hash
--
-- Answers the hash c: lib/tally.lua.
return call('HGETALL', P .. 'c')
