-- uses: tally mission agent
-- Notes that agents live, renews the leases they list, and gives up those of which
-- two heartbeats in a row know nothing.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2…] for each agent: agent, cpu and memory ('' for none), '1' if draining, the
--          lease (µs), the number of leases it lists, and for each: id, fencing token
--
-- Answers for each {'ok', {id cancelled, …}, {id lost, …}, {type given up, …}} or
-- {'not_found'}.

-- A lease that one heartbeat left out may have been on its way when it was sent.
local MISSED = 1

local function renew(id, lasts, ends, stalls)
	call('HSET', P .. 'm:' .. id, 'e', int(now + lasts), 'k', '0')
	plan(id, now + lasts, ends, stalls)
end

local function miss(id, missed, agent, given_up)
	if (missed or 0) + 0 < MISSED then
		call('HINCRBY', P .. 'm:' .. id, 'k', 1)
		return
	end
	local m = fetch(id)
	attempt_lost(m, format('agent %s does not know of its lease: the reply to the claim was lost, or the agent started anew', agent))
	if m.S == '0' then given_up[#given_up + 1] = m.t end
end

local function known(a, at)
	for field, value in pairs({u = ARGV[at + 1], m = ARGV[at + 2]}) do
		if value ~= '' then
			call('HSET', P .. 'a:' .. a.id, field, value)
		elseif a[field] then
			call('HDEL', P .. 'a:' .. a.id, field)
		end
	end
	a.q = ARGV[at + 4]
	sign_of_life(a, ARGV[at + 3] == '1', 'its heartbeats are back')
end

local function beat(at)
	local agent, lasts, n = ARGV[at], ARGV[at + 4], ARGV[at + 5] + 0
	local a = fetch_agent(agent)
	if not a or a.x == '1' then return {'not_found'} end
	known(a, at)
	local listed, told = {}, {}
	local cancelled, lost, given_up = {}, {}, {}
	for i = at + 6, at + 5 + 2 * n, 2 do listed[ARGV[i] .. ' ' .. ARGV[i + 1]] = true end
	for _, id in ipairs(held_by(agent)) do
		local m = call('HMGET', P .. 'm:' .. id, 'L', 'f', 'z', 'k')
		if listed[id .. ' ' .. m[1]] then
			told[id] = true
			renew(id, lasts, m[2], m[3])
		else
			miss(id, m[4], agent, given_up)
		end
	end
	for i = at + 6, at + 5 + 2 * n, 2 do
		local id = ARGV[i]
		if not told[id] then
			told[id] = true
			local m = call('HMGET', P .. 'm:' .. id, 'S', 'A', 'L')
			local to = m[1] == '4' and m[2] == agent and m[3] == ARGV[i + 1] and cancelled or lost
			to[#to + 1] = id
		end
	end
	return {'ok', cancelled, lost, given_up}
end

local answers, at = {}, 2
while at <= #ARGV do
	answers[#answers + 1] = beat(at)
	at = at + 6 + 2 * ARGV[at + 5]
end
commit()
return answers
