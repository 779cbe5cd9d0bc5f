-- A mission is a hash, m:ID. Fields that have their default are left out.
--
--   as given:  s created_at, unique, the mission's age   n name   d description
--              t type ('default')   D data ('{}')   p priority 0-3 ('1')   g tags, with commas
--              x max_attempts ('3')   o timeout (µs)   b not_before   l deadline   c correlation_id
--              v traceparent   y stall (µs)
--   its life:  S status, its place in missions.Statuses() ('0')   a attempt   A agent
--              L the newest fencing token   u updated_at (s)   B started_at   F finished_at
--              w '1' while PENDING and not yet claimable   r claimable from (s)
--              P, M percent and message of its progress
--   its lease, while RUNNING: e expires_at   f when its timeout ends the attempt   z when
--              it will count as stalled   k heartbeats in a row that did not list it
--   its last outcome: R result   E error   H under which token   G whose report, none
--              where the store itself ended the attempt
--
-- Where it stands decides which one index holds it, each a sorted set of ids by s:
--
--   q:PRIORITY:TYPE  claimable         i:STATUS:TYPE  every other mission
--   ia:AGENT  held by the agent, or ended by it       ig:TAG
--
-- and by the time at which somebody has to look at it:
--
--   l  RUNNING: the first of e, f and z   w  PENDING: claimable, or its deadline
--   f  ended: finished_at
--
-- ah:AGENT is the set of missions that an agent holds. g:ID is the mission's log.

local function fetch(id)
	local flat = call('HGETALL', P .. 'm:' .. id)
	if #flat == 0 then return nil end
	local m = {S = '0', p = '1', t = 'default', x = '3'}
	for i = 1, #flat, 2 do m[flat[i]] = flat[i + 1] end
	m.id, m.dirty, m.flat = id, {}, flat
	return m
end

-- flat is a mission as it is answered: the hash as it was read, and behind it what
-- has changed since, which counts; '' for what was cleared.
local function flat(m)
	local out = m.flat
	out[#out + 1], out[#out + 2] = 'id', m.id
	return out
end

-- set changes a field, nil clears it; save writes what was set.
local function set(m, field, value)
	if value == nil and m[field] == nil then return end
	m[field], m.dirty[field] = value, true
end

local function save(m)
	local changed, cleared, out = {}, nil, m.flat
	for field in pairs(m.dirty) do
		local value = m[field]
		if value then
			changed[#changed + 1], changed[#changed + 2] = field, value
		else
			cleared = cleared or {}
			cleared[#cleared + 1] = field
		end
		out[#out + 1], out[#out + 2] = field, value or ''
	end
	if changed[1] then call('HSET', P .. 'm:' .. m.id, unpack(changed)) end
	if cleared then call('HDEL', P .. 'm:' .. m.id, unpack(cleared)) end
	m.dirty = {}
end

local function index(m)
	if m.S == '0' and not m.w then return P .. 'q:' .. m.p .. ':' .. m.t end
	return P .. 'i:' .. m.S .. ':' .. m.t
end

local function place(m) pend(sorted, index(m), m.id, m.s) end

local function displace(m)
	pend(sorted, index(m), m.id, false)
	if m.S == '0' and (m.w or m.l) then pend(sorted, P .. 'w', m.id, false) end
end

-- move takes a mission through the state machine, keeps the counters, and tells
-- the log and the outbox. NEXT is missions.transitions.
local function move(m, trigger, reason)
	local old, new = m.S, NEXT[m.S .. trigger]
	count(old, m.t, -1)
	count(new, m.t, 1)
	if HAPPENED[new] then happen(HAPPENED[new], m.t) end
	call('RPUSH', P .. 'g:' .. m.id, concat({'s', int(now), old .. new, reason}, '\0'))
	emit('s', now, m.id, m.c or '', m.v or '', old .. new, reason, m.a or '0', m.A or '')
	set(m, 'S', new)
	set(m, 'u', int(now))
end

-- enqueue makes a PENDING mission, which no index holds, claimable from a time on.
local function enqueue(m, from)
	set(m, 'r', int(from))
	set(m, 'w', from > now and '1' or nil)
	local due = m.l and m.l + 0
	if m.w and (not due or from < due) then due = from end
	if due then pend(sorted, P .. 'w', m.id, int(due)) end
	place(m)
end

-- plan has somebody look at a RUNNING mission at the first of its ends, each nil for none.
local function plan(id, expires, ends, stalls)
	local due = expires + 0
	if ends then due = math.min(due, ends) end
	if stalls then due = math.min(due, stalls) end
	pend(sorted, P .. 'l', id, int(due))
end

-- moves notes that a mission's holder has shown progress.
local function moves(m)
	if not m.y then return end
	m.z = int(now + m.y)
	call('HSET', P .. 'm:' .. m.id, 'z', m.z)
	plan(m.id, m.e, m.f, m.z)
end

-- held_by returns the missions that an agent holds.
local function held_by(agent)
	settle(P .. 'ah:' .. agent)
	return call('SMEMBERS', P .. 'ah:' .. agent)
end

-- drop_lease leaves e, f, z and k where they are: they mean something while RUNNING.
local function drop_lease(m)
	pend(sorted, P .. 'l', m.id, false)
	pend(sets, P .. 'ah:' .. m.A, m.id, false)
end

-- finish brings a mission to a terminal status, whoever holds it.
local function finish(m, trigger, reason)
	displace(m)
	local held = m.S == '1'
	move(m, trigger, reason)
	if held then drop_lease(m) end
	set(m, 'F', int(now))
	set(m, 'w', nil)
	set(m, 'r', nil)
	pend(sorted, P .. 'f', m.id, int(now))
	place(m)
	save(m)
end

-- forget_agent is for a mission that nobody holds any more.
local function forget_agent(m)
	if m.A then pend(sorted, P .. 'ia:' .. m.A, m.id, false) end
	set(m, 'A', nil)
	set(m, 'B', nil)
	set(m, 'P', nil)
	set(m, 'M', nil)
end

-- give_back puts a RUNNING mission into the queue, claimable from a time on.
local function give_back(m, reason, from)
	displace(m)
	move(m, 'give back', reason)
	drop_lease(m)
	forget_agent(m)
	enqueue(m, from)
	save(m)
end

-- outcome keeps what an attempt came to, and whose report that is.
local function outcome(m, result, error, from)
	set(m, 'R', result)
	set(m, 'E', error)
	set(m, 'H', m.L)
	set(m, 'G', from)
end

-- attempt_failed puts a RUNNING mission back after a wait, or fails it when the
-- attempt was its last.
local function attempt_failed(m, reason, wait)
	if m.a + 0 >= m.x + 0 then
		finish(m, 'give up', format('%s; attempt %s of %s was the last', reason, m.a, m.x))
	else
		give_back(m, reason, now + wait)
	end
end

-- attempt_lost takes a mission from an agent that is gone, silent or no longer
-- knows of it. The attempt counts: nobody knows how far it came.
local function attempt_lost(m, reason)
	outcome(m, nil, reason, nil)
	attempt_failed(m, reason, 0)
end

-- remove deletes a mission that nobody holds, and all that belongs to it.
local function remove(m)
	displace(m)
	count(m.S, m.t, -1)
	if m.F then pend(sorted, P .. 'f', m.id, false) end
	if m.A then pend(sorted, P .. 'ia:' .. m.A, m.id, false) end
	for _, tag in ipairs(split(m.g or '')) do pend(sorted, P .. 'ig:' .. tag, m.id, false) end
	call('DEL', P .. 'm:' .. m.id, P .. 'g:' .. m.id)
end

-- holder returns a mission if the agent holds its newest lease; else an answer that
-- says why not, and the mission where there is one.
local function holder(agent, id, token)
	local m = fetch(id)
	if not m then return nil, {'not_found'} end
	if m.S ~= '1' then return nil, {'ended', m.S}, m end
	if m.A ~= agent or m.L ~= token then return nil, {'superseded'}, m end
	return m
end
