-- Makes a candidate the leader, unless another one leads.
--
-- KEYS[1]  the meta hash of partition 0
-- ARGV[2]  candidate   ARGV[3]  for how long (µs)
--
-- Answers {who leads, for how much longer (µs)}.
local key = P .. 'leader'
local was = call('HMGET', key, 'holder', 'until')
local ends = now + ARGV[3]
if was[1] and was[1] ~= ARGV[2] and was[2] + 0 > now then return {was[1], int(was[2] - now)} end
call('HSET', key, 'holder', ARGV[2], 'until', int(ends))
return {ARGV[2], int(ends - now)}
