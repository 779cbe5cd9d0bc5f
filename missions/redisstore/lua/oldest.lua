-- Answers the age of the oldest PENDING mission of a type, '' for any: '' if there is none.
--
-- ARGV[1]  the type
local P = string.sub(KEYS[1], 1, -5)
local oldest

local function look(key)
	local seq = redis.call('ZRANGE', P .. key, 0, 0, 'WITHSCORES')[2]
	if seq and (not oldest or seq + 0 < oldest + 0) then oldest = seq end
end

local function look_at(kind)
	for rank = 0, 3 do look('q:' .. rank .. ':' .. kind) end
	look('i:PENDING:' .. kind)
end

if ARGV[1] ~= '' then
	look_at(ARGV[1])
else
	for _, field in ipairs(redis.call('HKEYS', P .. 'counts')) do
		local kind = string.match(field, '^PENDING:(.+)$')
		if kind then look_at(kind) end
	end
end
return oldest or ''
