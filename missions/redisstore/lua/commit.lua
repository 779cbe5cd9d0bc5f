-- Stores the changes of a batch, all or nothing.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[1]  the partition's identity   ARGV[2]  the epoch of the leader's term
-- ARGV[3…] commands, each behind the number of its words. FORGET is our own: it takes the key
--          of a series' slots, the beginning of the keys of its points, and the slot before
--          which points are deleted.
--
-- Answers the time, in seconds and microseconds, or one of the errors NODATASET and NOTLEADER.
local meta = redis.call('HMGET', KEYS[1], 'identity', 'epoch')
if meta[1] ~= ARGV[1] then return redis.error_reply('NODATASET the data set is not in this Redis') end
if meta[2] ~= ARGV[2] then return redis.error_reply('NOTLEADER another supervisor leads') end

local function forget(slots, points, before)
	for _, slot in ipairs(redis.call('ZRANGE', slots, '-inf', '(' .. before, 'BYSCORE')) do redis.call('DEL', points .. slot) end
	redis.call('ZREMRANGEBYSCORE', slots, '-inf', '(' .. before)
end

local i = 3
while ARGV[i] do
	local last = i + ARGV[i]
	if ARGV[i + 1] == 'FORGET' then
		forget(ARGV[i + 2], ARGV[i + 3], ARGV[i + 4])
	else
		redis.call(unpack(ARGV, i + 1, last))
	end
	i = last + 1
end
return redis.call('TIME')
