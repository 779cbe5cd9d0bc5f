-- What follows is done if the partition has an entry of the journal: the last argument is the
-- entry's number.
if (redis.call('HGET', KEYS[1], 'applied') or 0) + 0 < table.remove(ARGV) + 0 then
	return redis.error_reply('NODATASET Redis has lost commits')
end
