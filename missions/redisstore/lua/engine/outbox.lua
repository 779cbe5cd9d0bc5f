-- Answers the entries of the outbox that hold events after a position: {position of the
-- last event that was forgotten, the partition's identity, {id, events}, …}.
--
-- ARGV[1]  the position   ARGV[2]  the most entries
local P = string.sub(KEYS[1], 1, -5)
local meta = redis.call('HMGET', KEYS[1], 'forgotten', 'identity')
local answer = {meta[1] or '0', meta[2] or ''}
for i, entry in ipairs(redis.call('XRANGE', P .. 'o', '(' .. ARGV[1], '+', 'COUNT', ARGV[2])) do
	answer[i + 2] = {string.match(entry[1], '^%d+'), entry[2][2]}
end
return answer
