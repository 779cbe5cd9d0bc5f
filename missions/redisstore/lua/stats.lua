-- uses: record sample
-- Reads the statistics of all missions, or of one type's.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2]  a type, '' for all   ARGV[3]  as of which sample the caller has the gains
--
-- Answers {now, {STATUS:TYPE, n, …}, the histograms' hash, seq of the oldest PENDING
-- mission or '', {n in this minute, in the one before, …} in the order of
-- missions.Happenings(), how long the first in line have been claimable (µs) or '',
-- {when the latest sample was taken, the gain since, {since when, gain, …} for each
-- span unless the caller has them}, which is empty before the first sample}.
local kind = ARGV[2]

local counts, kinds = {}, {}
if kind == '' then
	counts = call('HGETALL', P .. 'ct')
	for i = 1, #counts, 2 do
		local pending = string.match(counts[i], '^0:(.+)$')
		if pending then kinds[#kinds + 1] = pending end
	end
else
	kinds = {kind}
	for status = 0, 4 do
		local n = call('HGET', P .. 'ct', status .. ':' .. kind)
		if n then counts[#counts + 1], counts[#counts + 2] = status .. ':' .. kind, n end
	end
end

local oldest, ready
for _, k in ipairs(kinds) do
	for _, queue in ipairs({'q:0:', 'q:1:', 'q:2:', 'q:3:', 'i:0:'}) do
		local first = call('ZRANGE', P .. queue .. k, 0, 0, 'WITHSCORES')
		local s = tonumber(first[2])
		if s and (not oldest or s < oldest) then oldest = s end
		if s and queue ~= 'i:0:' then
			local m = fetch(first[1])
			local from = m.r > 0 and m.r or s
			if not ready or from < ready then ready = from end
		end
	end
end

local rates = {}
for what = 0, 4 do
	local field = kind == '' and what or what .. ':' .. kind
	for back = 0, 1 do
		rates[#rates + 1] = call('HGET', P .. 'n:' .. int(minute - back), field) or '0'
	end
end

local function samples(last)
	local happened = {}
	for m = first_minute(last), minute do
		for what = 0, 4 do
			local n = call('HGET', P .. 'n:' .. int(m), kind == '' and what or what .. ':' .. kind)
			if n then happened[tostring(what)] = (happened[tostring(what)] or 0) + n end
		end
	end
	local gain = gained(kind, happened)
	for what, n in pairs(happened) do gain[what] = n end
	local answer = {last, write_gain(gain)}
	if last == ARGV[3] then return answer end
	for _, span in ipairs(SPANS) do
		local newest, slots = math.floor(minute / span[1]), {}
		for slot = newest - math.floor(span[2] / span[1]), newest do
			local said = call('HMGET', P .. 's:' .. span[1] .. ':' .. int(slot), '@', kind)
			if said[1] then slots[#slots + 1], slots[#slots + 2] = said[1], said[2] or '' end
		end
		answer[#answer + 1] = slots
	end
	return answer
end

local last = call('HGET', KEYS[1], 'sampled')
return {int(now), counts, call('HGETALL', P .. 'h:' .. kind), oldest and int(oldest) or '', rates,
	ready and int(ready) or '', last and samples(last) or {}}
