-- What stands in Redis: see Backend in backend.go. Every key is made from KEYS[1], the
-- partition's meta hash.
local call, find, sub, match = redis.call, string.find, string.sub, string.match
local P = sub(KEYS[1], 1, -5)

-- fetch answers a mission as readMission takes it: {id, record, lease, data, result}, and behind
-- that {conditions, checkpoint} if it has a flow; false if there is none. Texts inside of a record have no unescaped quotes, and data and result come
-- last, so that fields before them are found by their text.
local function head_of(m)
	local content = find(m, ',"content":', 1, true)
	if content then return sub(m, 1, content - 1) .. '}' end
	return m
end

local function fetch(id)
	local m = call('GET', P .. 'm:' .. id)
	if not m then return false end
	local lease, data, result = '', '', ''
	if sub(m, 1, 19) == '{"status":"RUNNING"' then lease = call('HGET', P .. 'leases', id) or '' end
	local head = head_of(m)
	if find(head, ',"data_bytes":', 1, true) then data = call('GET', P .. 'd:' .. id) or '' end
	if find(head, ',"result_bytes":', 1, true) then result = call('GET', P .. 'r:' .. id) or '' end
	if find(head, ',"flow":', 1, true) then
		return {id, m, lease, data, result, call('HGET', P .. 'x:' .. id, 'conditions') or '', call('HGET', P .. 'x:' .. id, 'checkpoint') or ''}
	end
	return {id, m, lease, data, result}
end

