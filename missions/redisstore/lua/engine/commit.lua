-- Stores the changes of a batch, all or nothing.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[1]  the partition's identity   ARGV[2]  the leader's term
-- ARGV[3]  how many commits it had before
-- ARGV[4…] commands, each behind the number of its words. Two are our own: SETS takes keys
--          with values; FORGET takes the key of a series' slots, the beginning of the keys of
--          its points, and the slot before which points are deleted.
--
-- Answers the time, in seconds and microseconds, or one of the errors NODATASET and NOTLEADER.
-- A Redis that has lost commits of the term, in a failover for example, is another data set.
local call = redis.call
local meta = call('HMGET', KEYS[1], 'identity', 'term', 'commits')
if meta[1] ~= ARGV[1] then return redis.error_reply('NODATASET the data set is not in this Redis') end
if meta[2] ~= ARGV[2] then return redis.error_reply('NOTLEADER another supervisor leads') end
if meta[3] ~= ARGV[3] then return redis.error_reply('NODATASET Redis has lost commits') end
local time = call('TIME')

local function forget(slots, points, before)
	for _, slot in ipairs(call('ZRANGE', slots, '-inf', '(' .. before, 'BYSCORE')) do
		call('DEL', points .. slot)
		call('ZREM', slots, slot)
	end
end

local i = 4
while ARGV[i] do
	local first, last = i + 1, i + ARGV[i]
	local name = ARGV[first]
	if name == 'SETS' then
		for at = first + 1, last, 2 do call('SET', ARGV[at], ARGV[at + 1]) end
	elseif name == 'FORGET' then
		forget(ARGV[first + 1], ARGV[first + 2], ARGV[first + 3])
	else
		call(unpack(ARGV, first, last))
	end
	i = last + 1
end
return time
