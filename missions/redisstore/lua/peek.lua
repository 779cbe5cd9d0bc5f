-- Looks at the heads of the queues, for claims that span several partitions.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2]  how many missions of each queue at most
-- ARGV[3…] for each request: agent, types with commas ('' for its own)
--
-- Answers {{types of each request, '' for an agent that may not claim, …},
-- {type, {priority, seq, bytes of its record and its data, …}, …}}.
local DRAINING = '1' -- lib/agent.lua

local wanted, kinds, heads = {}, {}, {}
for at = 3, #ARGV, 2 do
	local a = call('HMGET', P .. 'a:' .. ARGV[at], 't', 'x', 'S')
	local may = a[1] and a[2] ~= '1' and a[3] ~= DRAINING
	local types = may and (ARGV[at + 1] ~= '' and ARGV[at + 1] or a[1]) or ''
	wanted[#wanted + 1] = types
	for _, kind in ipairs(split(types)) do kinds[kind] = true end
end
for kind in pairs(kinds) do
	local rows = {}
	for priority = 3, 0, -1 do
		local head = call('ZRANGE', P .. 'q:' .. priority .. ':' .. kind, 0, ARGV[2] - 1, 'WITHSCORES')
		for i = 1, #head, 2 do
			rows[#rows + 1] = tostring(priority)
			rows[#rows + 1] = head[i + 1]
			rows[#rows + 1] = tostring(call('STRLEN', P .. 'm:' .. head[i]) + call('STRLEN', P .. 'd:' .. head[i]))
		end
	end
	heads[#heads + 1] = kind
	heads[#heads + 1] = rows
end
return {wanted, heads}
