-- Tells when the missions that ended long enough ago did.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2]  how long ago (µs)   ARGV[3]  how many missions at most
--
-- Answers {what "long enough ago" is, time, …}, oldest first.
local cutoff = int(now - ARGV[2])
local answer = {cutoff}
local ended = call('ZRANGE', P .. 'f', '-inf', cutoff, 'BYSCORE', 'LIMIT', 0, ARGV[3], 'WITHSCORES')
for i = 2, #ended, 2 do answer[#answer + 1] = ended[i] end
return answer
