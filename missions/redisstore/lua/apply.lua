
-- Applies an entry of the journal to a partition, unless that was done.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[1]  the partition's identity   ARGV[2]  the entry's number
-- ARGV[3]  the number of the entry that was applied before
-- ARGV[4…] commands
--
-- Answers '1' if there is no memory for more, otherwise ''. The error NODATASET says that the
-- partition is another one, lacks entries before this one, or has later ones.
local meta = call('HMGET', KEYS[1], 'identity', 'applied')
if meta[1] ~= ARGV[1] then return redis.error_reply('NODATASET the partition is not in this Redis') end
local applied = (meta[2] or 0) + 0
if applied == ARGV[2] + 0 then return '' end
if applied ~= ARGV[3] + 0 then return redis.error_reply('NODATASET Redis has lost commits') end

-- The entry is stored already, so that it is applied where Redis would refuse it for lack of
-- memory: to a script that has deleted something, Redis does not.
local scratch = string.sub(KEYS[1], 1, -5) .. 'usable'
local tried = redis.pcall('SET', scratch, '')
call('DEL', scratch)
local full = tried.err and string.find(tried.err, 'OOM', 1, true)
perform(4)
call('HSET', KEYS[1], 'applied', ARGV[2])
return full and '1' or ''
