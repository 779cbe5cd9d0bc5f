-- Reads the statistics of all missions, or of one type's.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2]  a type, '' for all
--
-- Answers {now, {STATUS:TYPE, n, …}, the histograms' hash, seq of the oldest PENDING
-- mission or '', {n in this minute, in the one before, …} in the order of
-- missions.Happenings()}.
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

local oldest
for _, k in ipairs(kinds) do
	for _, queue in ipairs({'q:0:', 'q:1:', 'q:2:', 'q:3:', 'i:0:'}) do
		local first = call('ZRANGE', P .. queue .. k, 0, 0, 'WITHSCORES')[2]
		if first and (not oldest or first + 0 < oldest) then oldest = first + 0 end
	end
end

local minute, rates = math.floor(now / 60000000), {}
for what = 0, 4 do
	local field = kind == '' and what or what .. ':' .. kind
	for back = 0, 1 do
		rates[#rates + 1] = call('HGET', P .. 'n:' .. int(minute - back), field) or '0'
	end
end
return {int(now), counts, call('HGETALL', P .. 'h:' .. kind), oldest and int(oldest) or '', rates}
