-- Reads the counters.
--
-- KEYS[1]  the partition's meta hash
--
-- Answers {total, value, …}: lib/begin.lua.
local answer = {}
for field, value in pairs(totals) do answer[#answer + 1], answer[#answer + 2] = field, int(value) end
return answer
