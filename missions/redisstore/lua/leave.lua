-- uses: tally record mission attempt agent
-- Takes an agent offline and puts its running missions back, at no cost of an attempt.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2]  agent   ARGV[3]  the reason
--
-- Answers {'ok', {type given back, …}} or {'not_found'}.
local a = fetch_agent(ARGV[2])
if not a then return {'not_found'} end
local kinds = {}
for _, id in ipairs(held_by(a.id)) do
	local m = fetch(id)
	m.a = m.a - 1
	give_back(m, format('agent %s left', a.id), now)
	kinds[#kinds + 1] = m.t
end
if a.S == OFFLINE then
	call('HSET', P .. 'a:' .. a.id, 'x', '1')
else
	departed(a, true, ARGV[3])
end
commit()
return {'ok', kinds}
