-- What a script adds to the counters, the outbox and the indexes. It is written by
-- commit(), or before somebody reads it, so that each key is written once however many
-- items a batch has.

-- ct  the totals of the statuses (lib/begin.lua), by type: STATUS:TYPE; no field is 0
-- h:TYPE (h: for all) histograms: r and q with a bucket, and the sums rs and qs, of
--     run times and queue times
-- n:MINUTE what happened in a minute: WHAT, and WHAT:TYPE
local typed, histograms, minutes = {}, {}, {}

local function add(to, field, by) to[field] = (to[field] or 0) + by end

local function count(status, kind, by)
	add(totals, status, by)
	add(typed, status .. ':' .. kind, by)
end

-- what happens when a mission comes into a status: its place in missions.Happenings()
local HAPPENED = {1, 2, 3, 4}

local function happen(what, kind)
	add(minutes, DIGIT[what], 1)
	add(minutes, DIGIT[what] .. ':' .. kind, 1)
end

local function bucket(micros)
	if micros <= 1 then return 0 end
	return math.ceil(math.log(micros) / math.log(2) * 8)
end

local function duration(kind, name, micros)
	if micros < 0 then micros = 0 end
	for _, k in ipairs({kind, ''}) do
		histograms[k] = histograms[k] or {}
		add(histograms[k], name .. bucket(micros), 1)
		add(histograms[k], name .. 's', micros)
	end
end

-- The outbox is a stream. An entry holds some events, each a field 'e', and has the
-- position of the last of them as its id.
local OUTBOX, EVENTS_AN_ENTRY = P .. 'o', 16
local events = {}

local function write_events()
	if not events[1] then return end
	call('XADD', OUTBOX, int(pos) .. '-0', unpack(events))
	events = {}
end

-- emit records an event, and returns it: its parts with NUL between them (no text of
-- ours holds one).
local function emit(kind, at, ...)
	local event = concat({kind, int(at), ...}, '\0')
	pos = pos + 1
	events[#events + 1], events[#events + 2] = 'e', event
	if #events == 2 * EVENTS_AN_ENTRY then write_events() end
	return event
end

-- What is to change in sorted sets: key → member → its score, false to take it out.
-- What is to change in sets: key → member → true, false to take it out.
local sorted, sets = {}, {}

-- entering: key → {ids = members that are to come into it and have never been there, in
-- the order of their scores, from the place next on; new = which of them have not left
-- again}.
local entering = {}

local function pend(to, key, member, score)
	local changes = to[key]
	if not changes then
		changes = {}
		to[key] = changes
	end
	local into = entering[key]
	if not score and into and into.new[member] then
		changes[member], into.new[member] = nil, nil -- what has not come in need not be taken out
	else
		changes[member] = score
	end
end

local function enters(key, member)
	local into = entering[key] or {next = 1, ids = {}, new = {}}
	into.ids[#into.ids + 1], into.new[member], entering[key] = member, true, into
end

local MOST_ARGUMENTS = 4000 -- Lua's stack holds some 8,000

local function run(command, key, arguments)
	for from = 1, #arguments, MOST_ARGUMENTS do
		call(command, key, unpack(arguments, from, math.min(#arguments, from + MOST_ARGUMENTS - 1)))
	end
end

-- settle writes what is to change in a key, for whoever is about to read it.
local function settle(key)
	local into, out = {}, {}
	for member, score in pairs(sorted[key] or sets[key] or {}) do
		if not score then
			out[#out + 1] = member
		elseif score == true then
			into[#into + 1] = member
		else
			into[#into + 1], into[#into + 2] = score, member
		end
	end
	run(sorted[key] and 'ZREM' or 'SREM', key, out)
	run(sorted[key] and 'ZADD' or 'SADD', key, into)
	sorted[key], sets[key], entering[key] = nil, nil, nil
end

local function outbox_full(limit) return pos - acked >= limit end

local DAY = 90000 -- seconds: a day, and an hour for those whose clocks differ

-- raise adds to several fields of a hash at once, and returns how many are new.
local function raise(key, by)
	local fields, changed = {}, {}
	for field in pairs(by) do fields[#fields + 1] = field end
	for i, had in ipairs(call('HMGET', key, unpack(fields))) do
		changed[#changed + 1], changed[#changed + 2] = fields[i], int((had or 0) + by[fields[i]])
	end
	return call('HSET', key, unpack(changed))
end

local function commit()
	for key in pairs(sorted) do settle(key) end
	for key in pairs(sets) do settle(key) end
	write_events()
	write_state()
	for field, by in pairs(typed) do
		if by ~= 0 and call('HINCRBY', P .. 'ct', field, int(by)) == 0 then call('HDEL', P .. 'ct', field) end
	end
	for kind, fields in pairs(histograms) do raise(P .. 'h:' .. kind, fields) end
	if next(minutes) then
		local key = P .. 'n:' .. int(math.floor(now / 60000000))
		if raise(key, minutes) > 0 then call('EXPIRE', key, DAY) end
	end
end
