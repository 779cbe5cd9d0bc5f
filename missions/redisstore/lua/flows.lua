-- Finds missions of a sorted set that have a flow.
--
-- ARGV[1]  the set   ARGV[2], ARGV[3]  the first and the last place
--
-- Answers {how many missions were looked at, id, record without its content, conditions, …}.
local ids = call('ZRANGE', P .. ARGV[1], ARGV[2], ARGV[3])
local found = {tostring(#ids)}
for _, id in ipairs(ids) do
	local m = call('GET', P .. 'm:' .. id)
	local head, n = m and head_of(m) or '', #found
	if find(head, ',"flow":', 1, true) then
		found[n + 1], found[n + 2], found[n + 3] = id, head, call('HGET', P .. 'x:' .. id, 'conditions') or ''
	end
end
return found
