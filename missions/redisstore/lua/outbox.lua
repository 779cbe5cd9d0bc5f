-- Answers the entries of the outbox that hold events after a position: {position of the
-- last event that was forgotten, {id, events}, …}.
--
-- ARGV[1]  the position   ARGV[2]  the most entries
local P = string.sub(KEYS[1], 1, -5)
local answer = {redis.call('HGET', KEYS[1], 'forgotten') or '0'}
for i, entry in ipairs(redis.call('XRANGE', P .. 'o', '(' .. ARGV[1], '+', 'COUNT', ARGV[2])) do
	answer[i + 1] = {string.match(entry[1], '^%d+'), entry[2][2]}
end
return answer
