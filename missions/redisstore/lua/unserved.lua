-- Looks for types that no online agent serves.
--
-- KEYS[1]  the partition's meta hash
--
-- Answers {type, PENDING missions, '1' if some are claimable, …}.
local ONLINE = '0' -- lib/agent.lua

local served = {}
for _, id in ipairs(call('ZRANGE', P .. 'as', 0, -1)) do
	local a = call('HMGET', P .. 'a:' .. id, 'S', 't')
	if a[1] == ONLINE then
		for _, kind in ipairs(split(a[2])) do served[kind] = true end
	end
end

local function claimable(kind)
	for priority = 0, 3 do
		if call('EXISTS', P .. 'q:' .. priority .. ':' .. kind) == 1 then return '1' end
	end
	return '0'
end

local answer, counts = {}, call('HGETALL', P .. 'ct')
for i = 1, #counts, 2 do
	local kind = string.match(counts[i], '^0:(.+)$')
	if kind and not served[kind] then
		answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = kind, counts[i + 1], claimable(kind)
	end
end
return answer
