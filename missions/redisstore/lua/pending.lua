-- Reads the outbox.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2]  after this position   ARGV[3]  how many events at most
--
-- Answers {position, event, …}.
local entries = call('XRANGE', P .. 'o', int(ARGV[2] + 1) .. '-0', '+', 'COUNT', ARGV[3])
local answer = {}
for _, entry in ipairs(entries) do
	answer[#answer + 1] = string.match(entry[1], '^%d+')
	answer[#answer + 1] = entry[2][2]
end
return answer
