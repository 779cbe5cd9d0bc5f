-- Answers the totals of all types and the meta hash.
return {redis.call('HGET', string.sub(KEYS[1], 1, -5) .. 'totals', '') or '', redis.call('HGETALL', KEYS[1])}
