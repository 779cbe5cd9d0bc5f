-- What stands in Redis: see Backend in backend.go. Every key is made from KEYS[1], the
-- partition's meta hash.
local call, find, sub, match = redis.call, string.find, string.sub, string.match
local P = sub(KEYS[1], 1, -5)

-- fetch answers a mission as readMission takes it: {id, record, lease, data, result}; false
-- if there is none. Texts inside of a record have no unescaped quotes, and what is nobody's
-- but the creator's comes last, so that fields are found by their text.
local function fetch(id)
	local m = call('GET', P .. 'm:' .. id)
	if not m then return false end
	local lease, data, result = '', '', ''
	if sub(m, 1, 19) == '{"status":"RUNNING"' then lease = call('HGET', P .. 'leases', id) or '' end
	if find(m, ',"data_bytes":', 1, true) then data = call('GET', P .. 'd:' .. id) or '' end
	if find(m, ',"result_bytes":', 1, true) then result = call('GET', P .. 'r:' .. id) or '' end
	return {id, m, lease, data, result}
end

