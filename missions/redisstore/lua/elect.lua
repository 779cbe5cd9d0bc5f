-- Makes a candidate the leader, unless another one leads.
--
-- KEYS[1]  the meta hash of partition 0
-- ARGV[1]  candidate   ARGV[2]  for how long (µs)   ARGV[3]  how far the clock is ahead (µs)
-- ARGV[4]  where the candidate is reached
--
-- Answers {who leads, for how much longer (µs), where it is reached, the data set's identity,
-- its secret, and the time in seconds and microseconds}.
local meta = redis.call('HMGET', KEYS[1], 'identity', 'secret')
local key = string.sub(KEYS[1], 1, -5) .. 'leader'
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2] + ARGV[3]
local was = redis.call('HMGET', key, 'holder', 'until', 'address')
if was[1] and was[1] ~= ARGV[1] and tonumber(was[2]) and was[2] + 0 > now then
	return {was[1], string.format('%d', was[2] - now), was[3] or '', meta[1] or '', meta[2] or '', clock[1], clock[2]}
end
redis.call('HSET', key, 'holder', ARGV[1], 'until', string.format('%d', now + ARGV[2]), 'address', ARGV[4])
return {ARGV[1], ARGV[2], ARGV[4], meta[1] or '', meta[2] or '', clock[1], clock[2]}
