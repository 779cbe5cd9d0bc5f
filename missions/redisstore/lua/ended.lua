-- Answers the terminal missions that ended first: {id, time, …}.
--
-- ARGV[1]  up to this time   ARGV[2]  the most
return redis.call('ZRANGE', string.sub(KEYS[1], 1, -5) .. 'f', '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2], 'WITHSCORES')
