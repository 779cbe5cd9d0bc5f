-- Answers parts of missions, '' for one that there is not.
--
-- ARGV  a mission's id and a part's name, each
local P, found = string.sub(KEYS[1], 1, -5), {}
for i = 1, #ARGV, 2 do found[#found + 1] = redis.call('HGET', P .. 'x:' .. ARGV[i], ARGV[i + 1]) or '' end
return found
