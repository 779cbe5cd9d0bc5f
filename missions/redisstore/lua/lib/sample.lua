-- Samples of the statistics: what a type, '' for all, has gained from one look to the
-- next. A gain is written 'FIELD=n FIELD=n …', with the fields of the histograms
-- (lib/tally.lua) and the places of missions.Happenings().
--
--   hs           the histograms as they stood at the latest sample, by type
--   s:SPAN:SLOT  gains by type, and '@' since when. SPAN is in minutes, SLOT in spans
--                since the epoch. A sample is in the slot of the minute in which it was
--                taken, and added to that of its ten minutes
--   in the meta hash, sampled: when the latest sample was taken
local SPANS = {{1, 65}, {10, 25 * 60}} -- minutes, and how many to keep: missions.KeepShortSamples, KeepLongSamples

-- Windows have no use for a sample that is longer than these minutes.
local MOST_MINUTES = 60

local minute = math.floor(now / 60000000)

-- first_minute is the first one that a sample in this minute counts.
local function first_minute(last) return math.max(math.floor(last / 60000000), minute - MOST_MINUTES) end

local function read_gain(text)
	local gain = {}
	for field, n in string.gmatch(text, '(%w+)=(%d+)') do gain[field] = n + 0 end
	return gain
end

local function write_gain(gain)
	local parts = {}
	for field, n in pairs(gain) do
		if n ~= 0 then parts[#parts + 1] = field .. '=' .. int(n) end
	end
	return concat(parts, ' ')
end

-- counted adds up how many queue times and run times a histogram has.
local function counted(histogram)
	local sums = {q = 0, r = 0}
	for field, n in pairs(histogram) do
		local name, bucket = string.match(field, '^([qr])(%d+)$')
		if bucket then sums[name] = sums[name] + n end
	end
	return sums.q, sums.r
end

-- gained returns what a type's histograms have gained since the latest sample, and how
-- they stand. A type that no sample knows is new, and has gained it all, unless that is
-- more than has happened since: then it is from before samples were taken.
local function gained(kind, happened)
	local flat, stands, gain = call('HGETALL', P .. 'h:' .. kind), {}, {}
	for i = 1, #flat, 2 do stands[flat[i]] = flat[i + 1] + 0 end
	local was = call('HGET', P .. 'hs', kind)
	local known = was and read_gain(was)
	if not known then
		local started, completed = counted(stands)
		local new = started == (happened['1'] or 0) and completed == (happened['2'] or 0)
		known = new and {} or stands
	end
	for field, n in pairs(stands) do
		if n > (known[field] or 0) then gain[field] = n - (known[field] or 0) end
	end
	return gain, stands
end
