-- uses: tally agent
-- Adds an agent, or renews what is known of one.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2…] agent, name, role, types with commas, capacity, version, host, labels (JSON),
--          how long it may stay silent (µs)
--
-- Answers {now, registered_at, missions running}.
local id = ARGV[2]
local old = fetch_agent(id)
local since = old and old.R or int(now)
local a = {id = id, n = ARGV[3], r = ARGV[4], t = ARGV[5], c = ARGV[6], q = ARGV[10]}
call('HSET', P .. 'a:' .. id, 'n', a.n, 'r', a.r, 't', a.t, 'c', a.c, 'v', ARGV[7], 'h', ARGV[8], 'j', ARGV[9],
	'q', a.q, 'S', ONLINE, 'x', '', 'b', int(now), 'R', since, 'U', int(now))
call('HDEL', P .. 'a:' .. id, 'u', 'm')
call('ZADD', P .. 'as', 0, id)
call('ZADD', P .. 'ad', int(now + a.q), id)
if old and old.S ~= OFFLINE then
	head_count(0, a.c - old.c)
else
	arrived(a, 'registered')
end
commit()
return {int(now), since, tostring(call('SCARD', P .. 'ah:' .. id))}
