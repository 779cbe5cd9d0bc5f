-- How missions are created. What the scripts are given of one is in lua/create.lua.

-- next_seq is the creation time, made unique among all partitions, never going back.
local function next_seq(least)
	local s = math.max(least > 0 and least or now, seq + 1)
	s = s + (partition - s % partitions) % partitions
	seq = s
	return s
end

-- special makes the mission of a new record one with numbers of its own, and returns when
-- somebody has to look at it, nil for never.
local function special(m, numbers)
	local x, o, b, l, y = string.match(numbers, '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
	m.x, m.o, m.b, m.l, m.y = x + 0, o + 0, b + 0, l + 0, y + 0
	local due = m.l > 0 and m.l or nil
	if m.b > now then
		m.w, m.r = 1, m.b
		if not due or m.b < due then due = m.b end
	end
	return due
end

-- create makes a mission of what stands from an argument on. With wanted, somebody claims
-- missions in the same script.
local function create(at, wanted)
	local id, kind, priority = ARGV[at], ARGV[at + 1], ARGV[at + 2]
	local s = next_seq(ARGV[at + 9] + 0)
	local score, large, claimable = int(s), ARGV[at + 7], true
	local record = pack(NEW_NUMBERS, NEW, s, priority) .. ARGV[at + 4] .. ARGV[at + 5]
	if ARGV[at + 6] ~= '' or large ~= '' then
		local m = read_new(id, record)
		if large ~= '' then
			m.big = 1
			call('SET', P .. 'd:' .. id, large)
		end
		local due = ARGV[at + 6] ~= '' and special(m, ARGV[at + 6])
		if due then pend(sorted, P .. 'w', id, int(due)) end
		claimable = m.w == 0
		save(m)
	elseif wanted then
		coming[id] = read_new(id, record)
	else
		call('SET', P .. 'm:' .. id, record)
	end
	local index = P .. (claimable and 'q:' .. priority or 'i:0') .. ':' .. kind
	pend(sorted, index, id, score)
	if wanted and claimable then enters(index, id) end
	if ARGV[at + 3] ~= '' then
		for _, tag in ipairs(split(ARGV[at + 3])) do pend(sorted, P .. 'ig:' .. tag, id, score) end
	end
	count('0', kind, 1)
	happen(0, kind)
	emit('c', score, id, ARGV[at + 8])
	return score
end

local limit = ARGV[2] + 0

-- create_all answers for each mission that stands from one argument to another.
local function create_all(from, to, wanted)
	local answers = {}
	for at = from, to, 10 do
		local id, answer = ARGV[at], nil
		if coming[id] or call('EXISTS', P .. 'm:' .. id) == 1 then
			answer = told(fetch(id))
		else
			answer = outbox_full(limit) and 'full' or create(at, wanted)
		end
		answers[#answers + 1] = answer
	end
	return answers
end
