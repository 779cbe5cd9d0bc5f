-- uses: tally mission agent
-- Gives agents claimable missions under leases: by priority, then age.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2…] for each request: agent, types with commas ('' for its own), the most
--          missions, the most bytes beyond the first (0: no bound), the lease (µs),
--          '1' if the agent itself has just asked
--
-- Answers for each request {'ok', types, '1' if the bytes left missions behind,
-- {hash, …}}, {'not_found'}, {'left'} or {'draining'}.

-- candidates are the heads of the queues of several types, merged.
local function candidates(kinds, most)
	local best, left = {}, most
	for priority = 3, 0, -1 do
		if left <= 0 then break end
		local heads = {}
		for _, kind in ipairs(kinds) do
			local queue = P .. 'q:' .. priority .. ':' .. kind
			settle(queue)
			local head = call('ZRANGE', queue, 0, left - 1, 'WITHSCORES')
			for i = 1, #head, 2 do heads[#heads + 1] = {id = head[i], s = head[i + 1] + 0} end
		end
		if #kinds > 1 then table.sort(heads, function(a, b) return a.s < b.s end) end
		for i = 1, math.min(left, #heads) do best[#best + 1] = heads[i].id end
		left = most - #best
	end
	return best
end

-- size estimates a mission's bytes on the wire: missions.SizeEstimate, which see.
local function size(m)
	local function len(field) return m[field] and #m[field] or 0 end
	return 1024 + len('D') + len('R') + 2 * (len('n') + len('d') + len('E') + len('M') + len('g')) + 70
end

local function give(m, agent, lasts)
	displace(m)
	duration(m.t, 'q', now - (m.r or m.s))
	lease = lease + 1
	set(m, 'a', int((m.a or 0) + 1))
	set(m, 'A', agent)
	set(m, 'L', int(lease * partitions + partition)) -- no other partition's token
	set(m, 'B', int(now))
	set(m, 'e', int(now + lasts))
	set(m, 'w', nil)
	set(m, 'r', nil)
	move(m, 'claim', format('claimed by agent %s, attempt %s of %s', agent, m.a, m.x))
	set(m, 'k', nil)
	if m.o then set(m, 'f', int(now + m.o)) end
	if m.y then set(m, 'z', int(now + m.y)) end
	plan(m.id, m.e, m.f, m.z)
	pend(sets, P .. 'ah:' .. agent, m.id, true)
	pend(sorted, P .. 'ia:' .. agent, m.id, m.s)
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

local function claim(at)
	local a, most, budget = fetch_agent(ARGV[at]), ARGV[at + 2] + 0, ARGV[at + 3] + 0
	if not a then return {'not_found'} end
	if a.x == '1' then return {'left'} end
	if a.S == DRAINING then return {'draining'} end
	if ARGV[at + 5] == '1' then sign_of_life(a, false, 'claimed again') end
	local types = ARGV[at + 1] ~= '' and ARGV[at + 1] or a.t
	local ids, taken, bytes = candidates(distinct(split(types)), most), {}, 0
	for _, id in ipairs(ids) do
		local m = fetch(id)
		bytes = bytes + size(m)
		if budget > 0 and bytes > budget and taken[1] then break end
		give(m, ARGV[at], ARGV[at + 4])
		taken[#taken + 1] = flat(m)
	end
	return {'ok', types, #taken < #ids and '1' or '0', taken}
end

local answers = {}
for at = 2, #ARGV, 6 do answers[#answers + 1] = claim(at) end
commit()
return answers
