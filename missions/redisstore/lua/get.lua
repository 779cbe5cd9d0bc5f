-- uses: record
-- Reads missions.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2…] ids
--
-- Answers for each the mission, {} where there is none.
local answers = {}
for i = 2, #ARGV do
	local m = fetch(ARGV[i])
	answers[#answers + 1] = m and told(m) or {}
end
return answers
