-- Answers leases by the ids of their missions; false for none.
return redis.call('HMGET', string.sub(KEYS[1], 1, -5) .. 'leases', unpack(ARGV))
