-- How missions are given to agents: by priority, then age. What a claim is given and
-- answers is in lua/claim.lua.

local function queue_of(kind, priority) return P .. 'q:' .. DIGIT[priority] .. ':' .. kind end

-- head returns the first missions of a queue, each with its age behind it. Where vacant,
-- Redis has nothing of it.
local function head(queue, most, vacant)
	if not vacant then
		settle(queue)
		return call('ZRANGE', queue, 0, most - 1, 'WITHSCORES')
	end
	local first, into = {}, entering[queue]
	if not into then return first end
	while into.ids[into.next] and not into.new[into.ids[into.next]] do into.next = into.next + 1 end
	for at = into.next, #into.ids do
		local id = into.ids[at]
		if #first == 2 * most then break end
		if into.new[id] then first[#first + 1], first[#first + 2] = id, sorted[queue][id] end
	end
	return first
end

-- vacant reports whether all missions that wait in the queues of a type are new ones, which
-- then need not be put there to be found. No script that claims puts others into a queue.
local function vacant(kind)
	local queues, any = {}, false
	for priority = 0, 3 do
		local queue = queue_of(kind, priority)
		queues[#queues + 1], any = queue, any or entering[queue]
	end
	return any and call('EXISTS', unpack(queues)) == 0
end

-- candidates are the heads of the queues of several types, merged.
local function candidates(kinds, most)
	local new, best, left = {}, {}, most
	for _, kind in ipairs(kinds) do new[kind] = vacant(kind) end
	for priority = 3, 0, -1 do
		if left <= 0 then break end
		local heads = {}
		for _, kind in ipairs(kinds) do
			local first = head(queue_of(kind, priority), left, new[kind])
			for i = 1, #first, 2 do heads[#heads + 1] = {id = first[i], s = first[i + 1] + 0} end
		end
		if #kinds > 1 then table.sort(heads, function(a, b) return a.s < b.s end) end
		for i = 1, math.min(left, #heads) do best[#best + 1] = heads[i].id end
		left = most - #best
	end
	return best
end

local function give(m, agent, lasts)
	displace(m)
	duration(m.t, 'q', now - (m.r > 0 and m.r or m.s))
	lease = lease + 1
	m.a, m.A, m.B, m.k, m.w, m.r = m.a + 1, agent, now, 0, 0, 0
	m.L = lease * partitions + partition -- no other partition's token
	m.e = now + lasts
	move(m, 'claim', format('claimed by agent %s, attempt %d of %d', agent, m.a, m.x))
	m.f = m.o > 0 and now + m.o or 0
	m.z = m.y > 0 and now + m.y or 0
	plan(m.id, m.e, m.f, m.z)
	pend(sets, P .. 'ah:' .. agent, m.id, true)
	pend(sorted, P .. 'ia:' .. agent, m.id, m.score)
	place(m)
	save(m)
end

-- distinct drops a type that was named twice.
local function distinct(kinds)
	local seen, out = {}, {}
	for _, kind in ipairs(kinds) do
		if not seen[kind] then
			seen[kind] = true
			out[#out + 1] = kind
		end
	end
	return out
end

-- claimant returns an agent, and of one that has not just asked only what tells whether it
-- may claim, and what.
local function claimant(id, asks)
	if asks then return fetch_agent(id) end
	local a = call('HMGET', P .. 'a:' .. id, 't', 'x', 'S')
	return a[1] and {id = id, t = a[1], x = a[2], S = a[3]}
end

local function claim(at)
	local asks = ARGV[at + 5] == '1'
	local a, most, budget = claimant(ARGV[at], asks), ARGV[at + 2] + 0, ARGV[at + 3] + 0
	if not a then return {'not_found'} end
	if a.x == '1' then return {'left'} end
	if a.S == DRAINING then return {'draining'} end
	if asks then sign_of_life(a, false, 'claimed again') end
	local types = ARGV[at + 1] ~= '' and ARGV[at + 1] or a.t
	local ids, taken, bytes = candidates(distinct(split(types)), most), {}, 0
	for _, id in ipairs(ids) do
		local m = fetch(id)
		bytes = bytes + size(m)
		if budget > 0 and bytes > budget and taken[1] then break end
		give(m, ARGV[at], ARGV[at + 4])
		taken[#taken + 1] = told(m)
	end
	return {'ok', types, #taken < #ids and '1' or '0', taken}
end
