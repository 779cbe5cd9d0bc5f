-- Looks whether a partition has an entry of the journal.
--
-- KEYS[1]  the partition's meta hash   ARGV[1]  the entry's number
if (redis.call('HGET', KEYS[1], 'applied') or 0) + 0 < ARGV[1] + 0 then return redis.error_reply('NODATASET Redis has lost commits') end
return 'ok'
