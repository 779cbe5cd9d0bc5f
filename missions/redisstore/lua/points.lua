-- Answers the points of a series and a type: {slot, point, …}.
--
-- ARGV[1]  the series   ARGV[2]  the type   ARGV[3]  from this slot on
local P = string.sub(KEYS[1], 1, -5)
local answer = {}
for _, slot in ipairs(redis.call('ZRANGE', P .. 'slots:' .. ARGV[1], ARGV[3], '+inf', 'BYSCORE')) do
	local point = redis.call('HGET', P .. 'p:' .. ARGV[1] .. ':' .. slot, ARGV[2])
	if point then answer[#answer + 1], answer[#answer + 2] = slot, point end
end
return answer
