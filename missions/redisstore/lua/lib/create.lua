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

local function create(at)
	local id, kind, priority = ARGV[at], ARGV[at + 1], ARGV[at + 2]
	local s = next_seq(ARGV[at + 9] + 0)
	local score, queue, large = int(s), 'q:' .. priority .. ':', ARGV[at + 7]
	local record = pack(NEW_NUMBERS, NEW, s, priority) .. ARGV[at + 4] .. ARGV[at + 5]
	if ARGV[at + 6] == '' and large == '' then
		call('SET', P .. 'm:' .. id, record)
	else
		local m = read_new(id, record)
		if large ~= '' then
			m.big = 1
			call('SET', P .. 'd:' .. id, large)
		end
		local due = ARGV[at + 6] ~= '' and special(m, ARGV[at + 6])
		if due then pend(sorted, P .. 'w', id, int(due)) end
		if m.w == 1 then queue = 'i:0:' end
		save(m)
	end
	pend(sorted, P .. queue .. kind, id, score)
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
local function create_all(from, to)
	local answers = {}
	for at = from, to, 10 do
		local answer
		if call('EXISTS', P .. 'm:' .. ARGV[at]) == 1 then
			answer = told(fetch(ARGV[at]))
		else
			answer = outbox_full(limit) and 'full' or create(at)
		end
		answers[#answers + 1] = answer
	end
	return answers
end
