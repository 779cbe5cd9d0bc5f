-- An agent is a hash, a:ID, in every partition, so that each can tell who may claim
-- and whose silence has lasted too long. Its name, its events and its counters are
-- partition 0's alone.
--
--   n name   r role   t types, with commas   c capacity   v version   h host   j labels (JSON)
--   S state, its place in missions.AgentStates()   x '1' once it has left
--   b last heartbeat   q how long it may stay silent (µs)   u cpu   m memory
--   R registered_at   U updated_at
--
--   as  every agent (sorted by id)   ad  when each has been silent for too long
--   ao  offline agents, by when they went

local ONLINE, DRAINING, OFFLINE = '0', '1', '2'

local function fetch_agent(id)
	local flat = call('HGETALL', P .. 'a:' .. id)
	if #flat == 0 then return nil end
	local a = {id = id}
	for i = 1, #flat, 2 do a[flat[i]] = flat[i + 1] end
	return a
end

local function agent_event(kind, a, reason)
	if home then emit(kind, now, a.id, a.n, a.r, reason, a.t) end
end

local function head_count(agents, slots)
	if not home then return end
	add(totals, 'agents', agents)
	add(totals, 'slots', slots)
end

local function arrived(a, reason)
	call('ZREM', P .. 'ao', a.id)
	head_count(1, a.c + 0)
	agent_event('+', a, reason)
end

-- departed takes an agent that is not offline yet offline.
local function departed(a, left, reason)
	call('HSET', P .. 'a:' .. a.id, 'S', OFFLINE, 'U', int(now), 'x', left and '1' or '')
	call('ZREM', P .. 'ad', a.id)
	call('ZADD', P .. 'ao', int(now), a.id)
	head_count(-1, -a.c)
	agent_event('-', a, reason)
end

-- sign_of_life notes that an agent has just been heard of. Of one that claims again
-- and again it is noted as often as matters.
local OFTEN = 250000 -- µs

local function sign_of_life(a, draining, reason)
	local was = a.S
	a.S = draining and DRAINING or ONLINE
	call('HSET', P .. 'a:' .. a.id, 'S', a.S, 'b', int(now), 'q', a.q, 'U', int(now))
	call('ZADD', P .. 'ad', int(now + a.q), a.id)
	if was == OFFLINE then arrived(a, reason) end
end
