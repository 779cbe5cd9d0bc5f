-- How attempts at missions go on and end.
local RUNNING, COMPLETED = 1, 2

-- enqueue makes a PENDING mission, which no index holds, claimable from a time on.
local function enqueue(m, from)
	m.r, m.w = from, from > now and 1 or 0
	local due = m.l
	if m.w == 1 and (due == 0 or from < due) then due = from end
	if due > 0 then pend(sorted, P .. 'w', m.id, int(due)) end
	place(m)
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

-- outcome keeps why an attempt failed, '' if it did not, and whose report that is.
local function outcome(m, error, from)
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
	outcome(m, reason, '')
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
