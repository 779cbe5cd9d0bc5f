-- uses: tally record mission attempt
-- Appends to missions' logs.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2]  how many entries a log may hold
-- ARGV[3…] for each entry: agent, id, fencing token, level, message, data (JSON, '' for none)
--
-- Answers for each {'ok'}, {'not_found'}, {'ended', status}, {'superseded'} or {'full'}.
local limit = ARGV[2] + 0

local function append(m, level, message, data)
	-- The first entry of a log is not stored: it tells of the creation.
	local _, texts = string.gsub(m.log, '%z', '')
	local stored = m.j == 1 and call('LLEN', P .. 'g:' .. m.id) or 0
	if 1 + texts / 3 + stored >= limit then return {'full'} end
	call('RPUSH', P .. 'g:' .. m.id, concat({'l', int(now), level, message, data}, '\0'))
	m.j = 1
	moves(m)
	save(m)
	emit('l', now, m.id, m.c, m.v, level, message)
	return {'ok'}
end

local answers = {}
for at = 3, #ARGV, 6 do
	local m, refusal = holder(ARGV[at], ARGV[at + 1], ARGV[at + 2])
	answers[#answers + 1] = refusal or append(m, ARGV[at + 3], ARGV[at + 4], ARGV[at + 5])
end
commit()
return answers
