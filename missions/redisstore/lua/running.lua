-- Counts what agents hold in one partition.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2…] agents
--
-- Answers for each how many missions.
local answers = {}
for i = 2, #ARGV do answers[#answers + 1] = tostring(call('SCARD', P .. 'ah:' .. ARGV[i])) end
return answers
