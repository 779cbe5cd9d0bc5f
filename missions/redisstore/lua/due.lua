-- uses: tally record mission attempt agent retry
-- Does what has become due.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2…5] the retry policy: base and max (µs), jitter, a seed
-- ARGV[6]  how many things to do at most
--
-- Answers {how many it did, now, when something is next due ('' for never), {type ready, …},
-- {agent, mission to stop, …}, {agent offline, …}}.
local left = ARGV[6] + 0
local ready, stop, offline = {}, {}, {}

local function overdue(key)
	settle(P .. key)
	return call('ZRANGE', P .. key, '-inf', int(now), 'BYSCORE', 'LIMIT', 0, left)
end

-- take_back ends the attempt at a mission, as one of the things to do.
local function take_back(m, fail)
	left = left - 1
	stop[#stop + 1], stop[#stop + 2] = m.A, m.id
	fail(m)
	if m.S == PENDING and m.w == 0 then ready[m.t] = true end
end

local function seconds(micros) return format('%gs', micros / 1000000) end

for _, id in ipairs(overdue('l')) do
	take_back(fetch(id), function(m)
		if m.f > 0 and m.f <= now then
			local reason = format('timed out on agent %s after %s', m.A, seconds(m.o))
			outcome(m, reason, '')
			attempt_failed(m, reason, back_off(m))
		elseif m.z > 0 and m.z <= now then
			local reason = format('stalled on agent %s: no progress for %s', m.A, seconds(m.y)) -- missions.StalledReason
			outcome(m, reason, '')
			attempt_failed(m, reason, back_off(m))
		else
			attempt_lost(m, format('the lease of agent %s expired without a heartbeat', m.A))
		end
	end)
end

-- What the limit leaves no room for keeps the agent due.
local function silent(a)
	local reason = 'no heartbeat for ' .. seconds(a.q)
	for _, id in ipairs(held_by(a.id)) do
		if left <= 0 then return end
		take_back(fetch(id), function(m) attempt_lost(m, format('agent %s is gone: %s', a.id, reason)) end)
	end
	if left <= 0 then return end
	left = left - 1
	offline[#offline + 1] = a.id
	departed(a, false, reason)
end

if left > 0 then
	for _, id in ipairs(overdue('ad')) do silent(fetch_agent(id)) end
end

local function expire(m)
	local reason = 'its deadline passed while it was pending'
	outcome(m, reason, '')
	finish(m, 'expire', reason)
end

if left > 0 then
	for _, id in ipairs(overdue('w')) do
		local m = fetch(id)
		left = left - 1
		if m.l > 0 and m.l <= now then
			expire(m)
		else
			displace(m)
			enqueue(m, m.r)
			save(m)
			ready[m.t] = true
		end
	end
end

commit()
local soonest
for _, key in ipairs({'l', 'ad', 'w'}) do
	local first = call('ZRANGE', P .. key, 0, 0, 'WITHSCORES')[2]
	if first and (not soonest or first + 0 < soonest) then soonest = first + 0 end
end
local kinds = {}
for kind in pairs(ready) do kinds[#kinds + 1] = kind end
return {int(ARGV[6] - left), int(now), soonest and int(soonest) or '', kinds, stop, offline}
