-- uses: tally record mission attempt
-- Deletes missions that ended, and agents that went offline, long enough ago.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2]  what ended by this time   ARGV[3]  how many missions at most
--
-- Answers how many missions it deleted. What the minutes counted expires by itself.
local cutoff = ARGV[2]
local old = call('ZRANGE', P .. 'f', '-inf', cutoff, 'BYSCORE', 'LIMIT', 0, ARGV[3])
for _, id in ipairs(old) do remove(fetch(id)) end
for _, id in ipairs(call('ZRANGE', P .. 'ao', '-inf', cutoff, 'BYSCORE', 'LIMIT', 0, 1000)) do
	call('DEL', P .. 'a:' .. id)
	call('ZREM', P .. 'as', id)
	call('ZREM', P .. 'ao', id)
end
commit()
return tostring(#old)
