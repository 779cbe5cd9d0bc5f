-- Answers, for each type, the records of the first claimable missions of each priority.
--
-- ARGV[1…] types
local P = string.sub(KEYS[1], 1, -5)
local fronts = {}
for i, kind in ipairs(ARGV) do
	local records = {}
	for rank = 0, 3 do
		local id = redis.call('ZRANGE', P .. 'q:' .. rank .. ':' .. kind, 0, 0)[1]
		if id then records[#records + 1] = redis.call('GET', P .. 'm:' .. id) end
	end
	fronts[i] = records
end
return fronts
