-- Answers the first members of sets behind some.
--
-- ARGV  a set, the member ('' for the beginning) and the most, each
local P, lists = string.sub(KEYS[1], 1, -5), {}
for i = 1, #ARGV, 3 do
	local from = ARGV[i + 1] == '' and '-' or '(' .. ARGV[i + 1]
	lists[#lists + 1] = redis.call('ZRANGE', P .. 's:' .. ARGV[i], from, '+', 'BYLEX', 'LIMIT', 0, ARGV[i + 2])
end
return lists
