-- Answers what a term begins with: the hashes meta, agents, leases, totals, alerts and
-- receipts, the positions of notices, and {series, slot, points} of the latest slots.
--
-- ARGV[1]  1 for receipts, otherwise there are none
-- ARGV[2…] a series and how many slots before its newest one, each
local call, P = redis.call, string.sub(KEYS[1], 1, -5)
local points = {}
for i = 2, #ARGV, 2 do
	local slots = P .. 'slots:' .. ARGV[i]
	local newest = call('ZRANGE', slots, 0, 0, 'REV')[1]
	if tonumber(newest) then
		for _, slot in ipairs(call('ZRANGE', slots, string.format('%d', newest - ARGV[i + 1]), '+inf', 'BYSCORE')) do
			points[#points + 1] = {ARGV[i], slot, call('HGETALL', P .. 'p:' .. ARGV[i] .. ':' .. slot)}
		end
	end
end
local function hash(key) return call('HGETALL', P .. key) end
return {hash('meta'), hash('agents'), hash('leases'), hash('totals'), hash('alerts'), ARGV[1] == '1' and hash('receipts') or {}, call('HKEYS', P .. 'notices'), points}
