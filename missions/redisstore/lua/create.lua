-- uses: tally
-- Creates missions.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2]  how many events the outbox may hold
-- ARGV[3…] for each mission: id, name, description, type, data, priority, tags,
--          max_attempts, timeout, not_before, deadline, correlation_id, traceparent, stall;
--          '' for defaults; and a seq that its own is to be, or to follow; 0 for the present
--
-- Answers for each mission its seq, or 'full' when the outbox is, or the hash of the
-- mission that has the id already.
local FIELDS = {'n', 'd', 't', 'D', 'p', 'g', 'x', 'o', 'b', 'l', 'c', 'v', 'y'}
local limit = ARGV[2] + 0

-- next_seq is the creation time, made unique among all partitions, never going back.
local function next_seq(least)
	local s = math.max(least > 0 and least or now, seq + 1)
	s = s + (partition - s % partitions) % partitions
	seq = s
	return int(s)
end

local function create(at)
	local id, s = ARGV[at], next_seq(ARGV[at + 14] + 0)
	local fields = {'s', s}
	for i, field in ipairs(FIELDS) do
		if ARGV[at + i] ~= '' then
			fields[#fields + 1] = field
			fields[#fields + 1] = ARGV[at + i]
		end
	end
	local kind, priority = ARGV[at + 3], ARGV[at + 5]
	if kind == '' then kind = 'default' end
	if priority == '' then priority = '1' end
	local not_before, deadline = tonumber(ARGV[at + 9]), tonumber(ARGV[at + 10])
	local waits = not_before and not_before > now
	local due = deadline
	if waits then
		fields[#fields + 1], fields[#fields + 2] = 'w', '1'
		fields[#fields + 1], fields[#fields + 2] = 'r', ARGV[at + 9]
		if not due or not_before < due then due = not_before end
	end
	call('HSET', P .. 'm:' .. id, unpack(fields))
	pend(sorted, P .. (waits and 'i:0:' or 'q:' .. priority .. ':') .. kind, id, s)
	if due then pend(sorted, P .. 'w', id, int(due)) end
	if ARGV[at + 6] ~= '' then
		for _, tag in ipairs(split(ARGV[at + 6])) do pend(sorted, P .. 'ig:' .. tag, id, s) end
	end
	count('0', kind, 1)
	happen(0, kind)
	emit('c', s, id, ARGV[at + 11], ARGV[at + 12], ARGV[at + 1], ARGV[at + 2], kind, priority)
	return s
end

local answers = {}
for at = 3, #ARGV, 15 do
	local answer
	if call('EXISTS', P .. 'm:' .. ARGV[at]) == 1 then
		answer = call('HGETALL', P .. 'm:' .. ARGV[at])
	else
		answer = outbox_full(limit) and 'full' or create(at)
	end
	answers[#answers + 1] = answer
end
commit()
return answers
