-- Answers the first of what is due: {AGE:ID, time, …}.
--
-- ARGV[1]  the most
return redis.call('ZRANGE', string.sub(KEYS[1], 1, -5) .. 'w', 0, ARGV[1] - 1, 'WITHSCORES')
