-- What becomes of missions. Where one stands decides which one index holds it, each a
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
local PENDING = 0

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

-- plan has somebody look at a RUNNING mission at the first of its ends, 0 for none.
local function plan(id, expires, ends, stalls)
	local due = expires
	if ends > 0 then due = math.min(due, ends) end
	if stalls > 0 then due = math.min(due, stalls) end
	pend(sorted, P .. 'l', id, int(due))
end
