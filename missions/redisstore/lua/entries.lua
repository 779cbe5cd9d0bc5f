-- Answers a mission's age and a part of its log: {seq, entries}; {} if there is no such mission.
--
-- ARGV[1]  the mission's id   ARGV[2], ARGV[3]  the first and the last entry, 0 for the one
--          after the creation
local P = string.sub(KEYS[1], 1, -5)
local m = redis.call('GET', P .. 'm:' .. ARGV[1])
if not m then return {} end
return {string.match(m, '"seq":(%d+)'), redis.call('LRANGE', P .. 'g:' .. ARGV[1], ARGV[2], ARGV[3])}
