-- uses: tally record mission attempt agent
-- Notes that agents live, renews the leases they list, and gives up those of which
-- two heartbeats in a row know nothing.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2…] for each agent: agent, cpu and memory ('' for none), '1' if draining, the
--          lease (µs), '1' if it is still receiving a claim's reply, the number of leases
--          it lists, and for each: id, fencing token
--
-- Answers for each {'ok', {id cancelled, …}, {id lost, …}, {type given up, …}} or
-- {'not_found'}.

-- A lease that one heartbeat left out may have been on its way when it was sent.
local MISSED = 1

local CANCELLED = 4

-- lease_of reads of a record that is FULL, as that of every mission that is held.
local function lease_of(id)
	local _, k, e, _, _, _, _, _, _, _, _, L, _, _, _, _, f, z =
		unpack_record(FULL_HEAD, call('GETRANGE', P .. 'm:' .. id, 0, HEAD_BYTES - 1))
	return L, e, f, z, k
end

local function renew(id, lasts, ends, stalls)
	renewed(id, now + lasts, 0)
	plan(id, now + lasts, ends, stalls)
end

local function miss(id, expires, missed, agent, given_up)
	if missed < MISSED then
		renewed(id, expires, missed + 1)
		return
	end
	local m = fetch(id)
	attempt_lost(m, format('agent %s no longer reports its lease: the reply to the claim was lost, the agent restarted, or two agents use this ID', agent))
	if m.S == PENDING then given_up[#given_up + 1] = m.t end
end

local function heard_of(a, at)
	for field, value in pairs({u = ARGV[at + 1], m = ARGV[at + 2]}) do
		if value ~= '' then
			call('HSET', P .. 'a:' .. a.id, field, value)
		elseif a[field] then
			call('HDEL', P .. 'a:' .. a.id, field)
		end
	end
	a.q = ARGV[at + 4]
	sign_of_life(a, ARGV[at + 3] == '1', 'heartbeats resumed')
end

local function beat(at)
	local agent, lasts, receiving, n = ARGV[at], ARGV[at + 4], ARGV[at + 5] == '1', ARGV[at + 6] + 0
	local a = fetch_agent(agent)
	if not a or a.x == '1' then return {'not_found'} end
	heard_of(a, at)
	local listed, known = {}, {}
	local cancelled, lost, given_up = {}, {}, {}
	for i = at + 7, at + 6 + 2 * n, 2 do listed[ARGV[i] .. ' ' .. ARGV[i + 1]] = true end
	for _, id in ipairs(held_by(agent)) do
		local token, expires, ends, stalls, missed = lease_of(id)
		if listed[id .. ' ' .. int(token)] then
			known[id] = true
			renew(id, lasts, ends, stalls)
		elseif receiving then
			renew(id, lasts, ends, stalls)
		else
			miss(id, expires, missed, agent, given_up)
		end
	end
	for i = at + 7, at + 6 + 2 * n, 2 do
		local id = ARGV[i]
		if not known[id] then
			known[id] = true
			local m = fetch(id)
			local to = m and m.S == CANCELLED and m.A == agent and m.L == ARGV[i + 1] + 0 and cancelled or lost
			to[#to + 1] = id
		end
	end
	return {'ok', cancelled, lost, given_up}
end

local answers, at = {}, 2
while at <= #ARGV do
	answers[#answers + 1] = beat(at)
	at = at + 7 + 2 * ARGV[at + 6]
end
commit()
return answers
