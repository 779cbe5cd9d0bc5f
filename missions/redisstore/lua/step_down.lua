-- Ends a candidate's leadership, if it leads.
--
-- KEYS[1]  the meta hash of partition 0
-- ARGV[1]  candidate
local key = string.sub(KEYS[1], 1, -5) .. 'leader'
if redis.call('HGET', key, 'holder') == ARGV[1] then redis.call('DEL', key) end
return 'ok'
