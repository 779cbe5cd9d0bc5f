-- Reads the counters.
--
-- KEYS[1]  the partition's meta hash
--
-- Answers {total, value, …}: lib/tally.lua.
local answer = {}
for i, field in ipairs(TOTALS) do
	answer[#answer + 1] = field
	answer[#answer + 1] = meta[8 + i] or '0'
end
return answer
