-- uses: sample
-- Takes a sample of the statistics.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2]  how many types it tells apart
--
-- Answers the time.
local MOST_TYPES = ARGV[2] + 0
local KEEP_MINUTES = 90000 -- seconds: lib/tally.lua

local last = call('HGET', KEYS[1], 'sampled')

-- What happened since, by type: in whole minutes, which this sample counts, and up to now.
local whole, so_far, sums, kinds = {}, {}, {}, {}

local function note(to, kind, what, n)
	to[kind] = to[kind] or {}
	to[kind][what] = (to[kind][what] or 0) + n
end

for m = last and first_minute(last) or minute, minute do
	local flat = call('HGETALL', P .. 'n:' .. int(m))
	for i = 1, #flat, 2 do
		local what, kind = string.match(flat[i], '^(%d):?(.*)$')
		if what then
			if kind ~= '' and not sums[kind] then kinds[#kinds + 1] = kind end
			sums[kind] = (sums[kind] or 0) + flat[i + 1]
			note(so_far, kind, what, flat[i + 1] + 0)
			if m < minute then note(whole, kind, what, flat[i + 1] + 0) end
		end
	end
end

local statuses = {}
if call('HLEN', P .. 'ct') <= 5 * MOST_TYPES then statuses = call('HGETALL', P .. 'ct') end

-- The busiest types.
table.sort(kinds, function(a, b) return sums[a] > sums[b] or sums[a] == sums[b] and a < b end)
for i = #kinds, MOST_TYPES + 1, -1 do kinds[i] = nil end
kinds[#kinds + 1] = ''

if not last then -- what there was before is nobody's gain
	for i = 1, #statuses, 2 do kinds[#kinds + 1] = string.match(statuses[i], ':(.*)$') end
end

for _, kind in ipairs(kinds) do
	local gain, stands = gained(kind, so_far[kind] or {})
	call('HSET', P .. 'hs', kind, write_gain(stands))
	for what, n in pairs(whole[kind] or {}) do gain[what] = n end
	if last and next(gain) then
		for _, span in ipairs(SPANS) do
			local key = P .. 's:' .. span[1] .. ':' .. int(math.floor(minute / span[1]))
			local sum = read_gain(call('HGET', key, kind) or '')
			for field, n in pairs(gain) do sum[field] = (sum[field] or 0) + n end
			call('HSET', key, kind, write_gain(sum))
		end
	end
end
if last then
	for _, span in ipairs(SPANS) do
		local key = P .. 's:' .. span[1] .. ':' .. int(math.floor(minute / span[1]))
		call('HSETNX', key, '@', last)
		call('EXPIRE', key, (span[2] + span[1]) * 60)
	end
end
call('HSET', KEYS[1], 'sampled', int(now))

-- How many missions there were at the end of the minute before: P and R in n:MINUTE, P:TYPE and R:TYPE
-- of those types that had any.
if now - minute * 60000000 < 30000000 then
	local key = P .. 'n:' .. int(minute - 1)
	call('HSET', key, 'P', int(totals['0']), 'R', int(totals['1']))
	local written = 0
	for i = 1, #statuses, 2 do
		local status, kind = string.match(statuses[i], '^([01]):(.*)$')
		if status and written < 2 * MOST_TYPES then
			call('HSET', key, (status == '0' and 'P:' or 'R:') .. kind, statuses[i + 1])
			written = written + 1
		end
	end
	call('EXPIRE', key, KEEP_MINUTES)
end
return int(now)
