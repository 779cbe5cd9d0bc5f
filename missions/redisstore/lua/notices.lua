-- Reads the oldest notices.
--
-- KEYS[1]  the meta hash of partition 0
-- ARGV[2]  how many at most
--
-- Answers {position, event, …}, as pending.lua does.
local answer = {}
for _, entry in ipairs(call('XRANGE', P .. 'notices', '-', '+', 'COUNT', ARGV[2])) do
	answer[#answer + 1] = string.match(entry[1], '^%d+')
	answer[#answer + 1] = entry[2][2]
end
return answer
