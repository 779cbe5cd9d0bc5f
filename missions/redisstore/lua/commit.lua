
-- Stores the changes of a batch, all or nothing.
--
-- KEYS[1]  the meta hash of partition 0
-- ARGV[1]  the partition's identity   ARGV[2]  the leader's term
-- ARGV[3]  how many commits it had before
-- ARGV[4…] commands
--
-- Answers the time, in seconds and microseconds, or one of the errors NODATASET and NOTLEADER.
-- A Redis that has lost commits of the term, in a failover for example, is another data set.
local meta = call('HMGET', KEYS[1], 'identity', 'term', 'commits')
if meta[1] ~= ARGV[1] then return redis.error_reply('NODATASET the data set is not in this Redis') end
if meta[2] ~= ARGV[2] then return redis.error_reply('NOTLEADER another supervisor leads') end
if meta[3] ~= ARGV[3] then return redis.error_reply('NODATASET Redis has lost commits') end
local time = call('TIME')
perform(4)
return time
