-- Answers the entries of the outbox that hold events after a position: {position of the
-- last event that was forgotten, the partition's identity, {id, events}, …}.
--
-- ARGV[1]  the position   ARGV[2]  how many events are wanted: an entry that has the last of
--          them is answered whole
local P = string.sub(KEYS[1], 1, -5)
local meta = redis.call('HMGET', KEYS[1], 'forgotten', 'identity')
local answer = {meta[1] or '0', meta[2] or ''}
local after, left = ARGV[1], ARGV[2] + 0
while left > 0 do
	local entries = redis.call('XRANGE', P .. 'o', '(' .. after, '+', 'COUNT', 8)
	for _, entry in ipairs(entries) do
		if left <= 0 then break end
		answer[#answer + 1] = {string.match(entry[1], '^%d+'), entry[2][4] or ''}
		after, left = entry[1], left - (tonumber(entry[2][2]) or 1)
	end
	if #entries < 8 then break end
end
return answer
