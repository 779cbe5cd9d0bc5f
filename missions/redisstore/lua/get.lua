-- Reads missions.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2…] ids
--
-- Answers for each mission its hash, empty where there is none.
local answers = {}
for i = 2, #ARGV do answers[#answers + 1] = call('HGETALL', P .. 'm:' .. ARGV[i]) end
return answers
