-- A mission's record is one text, m:ID: numbers at fixed places, then texts, each with a
-- NUL behind it, as no text of ours holds one. A script reads and writes it whole, which
-- costs a fraction of what a hash with a field for each does. There are two layouts:
--
--   NEW   of a mission that nothing has happened to and that waits for nothing
--   FULL  of any other
--
-- by their first byte, and in this order:
--
--   k  heartbeats in a row that did not list it   e  when its lease ends: what a
--      heartbeat changes, in place
--   S status, its place in missions.Statuses()    p  priority 0-3
--   w  1 while PENDING and not yet claimable      j  1 once its log goes on in the list g:ID
--   big  1 if its data are in d:ID                a  attempt    x  max_attempts
--   s  created_at, unique, the mission's age      L  the newest fencing token
--   u  updated_at (s)     B  started_at           F  finished_at    r  claimable from (s)
--   f  when its timeout ends the attempt          z  when it will count as stalled
--   H  the token of its last outcome              o  timeout (µs)   b  not_before
--   l  deadline           y  stall (µs)
--   t type   c correlation_id   v traceparent   g tags, with commas
--   A agent  G whose report its last outcome is, none where the store itself ended the
--      attempt   E error   P, M percent and message of its progress
--   body: name, description and data             R  result
--   log: the changes of its status, each the time, the two statuses and the reason
--
-- 0 and '' stand for none. Data and results of more than LARGE bytes, which would be
-- written again with each step, are in keys of their own, d:ID and r:ID, and '@' is in
-- their place.
local NEW, FULL = 1, 2
local NEW_NUMBERS, NEW_TEXTS = '<Bi8B', 'ssss'
local FULL_HEAD = '<BBi8BBBBBI4I4i8i8i8i8i8i8i8i8i8i8i8i8i8'
local FULL_TEXTS = 'sssssssssI4c0s'
local HEAD_BYTES = 10 + 5 + 8 + 13 * 8
local LARGE, ELSEWHERE = 512, '@'

local pack, unpack_record, sub = struct.pack, struct.unpack, string.sub

local function read_new(id, value)
	local _, s, p, t, c, v, g, at = unpack_record(NEW_NUMBERS .. NEW_TEXTS, value)
	return {id = id, value = value, score = int(s), k = 0, e = 0, S = 0, p = p, w = 0, j = 0, big = 0, a = 0, x = 3,
		s = s, L = 0, u = 0, B = 0, F = 0, r = 0, f = 0, z = 0, H = 0, o = 0, b = 0, l = 0, y = 0,
		t = t, c = c, v = v, g = g, A = '', G = '', E = '', P = '', M = '', body = sub(value, at), R = '', log = ''}
end

local function read_full(id, value)
	local _, k, e, S, p, w, j, big, a, x, s, L, u, B, F, r, f, z, H, o, b, l, y,
		t, c, v, g, A, G, E, percent, M, body, R, at = unpack_record(FULL_HEAD .. FULL_TEXTS, value)
	return {id = id, value = value, score = int(s), k = k, e = e, S = S, p = p, w = w, j = j, big = big, a = a, x = x,
		s = s, L = L, u = u, B = B, F = F, r = r, f = f, z = z, H = H, o = o, b = b, l = l, y = y,
		t = t, c = c, v = v, g = g, A = A, G = G, E = E, P = percent, M = M, body = body, R = R, log = sub(value, at)}
end

-- coming are new missions that are not written yet, by id: nothing has happened to them,
-- and perhaps something does before the script ends.
local coming = {}

local function store_coming()
	for id, m in pairs(coming) do call('SET', P .. 'm:' .. id, m.value) end
end

local function fetch(id)
	if coming[id] then return coming[id] end
	local value = call('GET', P .. 'm:' .. id)
	if not value then return nil end
	return (string.byte(value) == NEW and read_new or read_full)(id, value)
end

local function save(m)
	m.value = pack(FULL_HEAD .. FULL_TEXTS, FULL, m.k, m.e, m.S, m.p, m.w, m.j, m.big, m.a, m.x,
		m.s, m.L, m.u, m.B, m.F, m.r, m.f, m.z, m.H, m.o, m.b, m.l, m.y,
		m.t, m.c, m.v, m.g, m.A, m.G, m.E, m.P, m.M, #m.body, m.body, m.R) .. m.log
	call('SET', P .. 'm:' .. m.id, m.value)
	coming[m.id] = nil
end

-- told is a mission as it is answered: its id, its record, and behind that what is
-- elsewhere, data and result.
local function told(m)
	if m.big == 0 and m.R ~= ELSEWHERE then return {m.id, m.value} end
	return {m.id, m.value, m.big == 1 and call('GET', P .. 'd:' .. m.id) or '', m.R == ELSEWHERE and call('GET', P .. 'r:' .. m.id) or ''}
end

-- parts returns a mission's name, and how many bytes its name, description and data have.
local function parts(m)
	local name = string.find(m.body, '\0', 1, true)
	local description = string.find(m.body, '\0', name + 1, true)
	local data = #m.body - description - 1
	if m.big == 1 then data = call('STRLEN', P .. 'd:' .. m.id) end
	return sub(m.body, 1, name - 1), name - 1, description - name - 1, data
end

-- size estimates a mission's bytes on the wire: missions.SizeEstimate, which see.
local function size(m)
	local _, name, description, data = parts(m)
	local result = m.R == ELSEWHERE and call('STRLEN', P .. 'r:' .. m.id) or #m.R
	return 1024 + data + result + 2 * (name + description + #m.E + #m.M + #m.g) + 70
end

-- set_result keeps the result of a mission, which has none yet.
local function set_result(m, result)
	m.R = result
	if #result > LARGE then
		call('SET', P .. 'r:' .. m.id, result)
		m.R = ELSEWHERE
	end
end

-- renewed writes when a mission's lease ends and that a heartbeat listed it, or how many
-- in a row did not.
local function renewed(id, expires, missed) call('SETRANGE', P .. 'm:' .. id, 1, pack('<Bi8', missed, expires)) end
