-- What happens to missions. Where one stands decides which one index holds it, each a
-- sorted set of ids by age:
--
--   q:PRIORITY:TYPE  claimable         i:STATUS:TYPE  every other mission
--   ia:AGENT  held by the agent, or ended by it       ig:TAG
--
-- and by the time at which somebody has to look at it:
--
--   l  RUNNING: the first of e, f and z   w  PENDING: claimable, or its deadline
--   f  ended: finished_at
--
-- ah:AGENT is the set of missions that an agent holds. g:ID is what a mission's log has
-- from its first line by an agent on, or when its record has no more room for it.
local PENDING, RUNNING, COMPLETED = 0, 1, 2

local function index(m)
	if m.S == PENDING and m.w == 0 then return P .. 'q:' .. DIGIT[m.p] .. ':' .. m.t end
	return P .. 'i:' .. DIGIT[m.S] .. ':' .. m.t
end

local function place(m) pend(sorted, index(m), m.id, m.score) end

local function displace(m)
	pend(sorted, index(m), m.id, false)
	if m.S == PENDING and (m.w == 1 or m.l > 0) then pend(sorted, P .. 'w', m.id, false) end
end

local LOG_BYTES = 1024 -- of a record

local function log_change(m, digits, reason)
	local at = int(now)
	if m.j == 0 and #m.log + #reason < LOG_BYTES then
		m.log = concat({m.log .. at, digits, reason, ''}, '\0')
	else
		m.j = 1
		call('RPUSH', P .. 'g:' .. m.id, concat({'s', at, digits, reason}, '\0'))
	end
end

-- move takes a mission through the state machine, keeps the counters, and tells
-- the log and the outbox. NEXT is missions.transitions.
local function move(m, trigger, reason)
	local old, new = m.S, NEXT[m.S][trigger]
	local digits = DIGIT[old] .. DIGIT[new]
	count(DIGIT[old], m.t, -1)
	count(DIGIT[new], m.t, 1)
	if HAPPENED[new] then happen(HAPPENED[new], m.t) end
	log_change(m, digits, reason)
	emit('s', now, m.id, m.c, m.v, digits, reason, int(m.a), m.A)
	m.S, m.u = new, now
end

-- enqueue makes a PENDING mission, which no index holds, claimable from a time on.
local function enqueue(m, from)
	m.r, m.w = from, from > now and 1 or 0
	local due = m.l
	if m.w == 1 and (due == 0 or from < due) then due = from end
	if due > 0 then pend(sorted, P .. 'w', m.id, int(due)) end
	place(m)
end

-- plan has somebody look at a RUNNING mission at the first of its ends, 0 for none.
local function plan(id, expires, ends, stalls)
	local due = expires
	if ends > 0 then due = math.min(due, ends) end
	if stalls > 0 then due = math.min(due, stalls) end
	pend(sorted, P .. 'l', id, int(due))
end

-- moves notes that a mission's holder has shown progress; the caller saves it.
local function moves(m)
	if m.y == 0 then return end
	m.z = now + m.y
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
	local held = m.S == RUNNING
	move(m, trigger, reason)
	if held then drop_lease(m) end
	m.F, m.w, m.r = now, 0, 0
	pend(sorted, P .. 'f', m.id, int(now))
	place(m)
	save(m)
end

-- forget_agent is for a mission that nobody holds any more.
local function forget_agent(m)
	if m.A ~= '' then pend(sorted, P .. 'ia:' .. m.A, m.id, false) end
	m.A, m.B, m.P, m.M = '', 0, '', ''
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

-- outcome keeps what an attempt came to, '' for none, and whose report that is.
local function outcome(m, result, error, from)
	set_result(m, result)
	m.E, m.H, m.G = error, m.L, from
end

-- attempt_failed puts a RUNNING mission back after a wait, or fails it when the
-- attempt was its last.
local function attempt_failed(m, reason, wait)
	if m.a >= m.x then
		finish(m, 'give up', format('%s; attempt %d of %d was the last', reason, m.a, m.x))
	else
		give_back(m, reason, now + wait)
	end
end

-- attempt_lost takes a mission from an agent that is gone, silent or no longer
-- knows of it. The attempt counts: nobody knows how far it came.
local function attempt_lost(m, reason)
	outcome(m, '', reason, '')
	attempt_failed(m, reason, 0)
end

-- remove deletes a mission that nobody holds, and all that belongs to it.
local function remove(m)
	displace(m)
	count(DIGIT[m.S], m.t, -1)
	if m.F > 0 then pend(sorted, P .. 'f', m.id, false) end
	if m.A ~= '' then pend(sorted, P .. 'ia:' .. m.A, m.id, false) end
	for _, tag in ipairs(split(m.g)) do pend(sorted, P .. 'ig:' .. tag, m.id, false) end
	call('DEL', P .. 'm:' .. m.id, P .. 'g:' .. m.id, P .. 'd:' .. m.id, P .. 'r:' .. m.id)
end

-- holder returns a mission if the agent holds its newest lease; else an answer that
-- says why not, and the mission where there is one.
local function holder(agent, id, token)
	local m = fetch(id)
	if not m then return nil, {'not_found'} end
	if m.S ~= RUNNING then return nil, {'ended', DIGIT[m.S]}, m end
	if m.A ~= agent or m.L ~= token + 0 then return nil, {'superseded'}, m end
	return m
end
