-- uses: tally record mission attempt agent
-- Takes an agent offline that ended without a word, and its running missions back,
-- unless it has been heard of since.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2]  agent   ARGV[3]  the reason   ARGV[4]  since when it must have been silent
--
-- Answers {'ok', '1' if it was not offline before, {type ready, …}, {mission to stop, …}},
-- {'heard'} or {'not_found'}.
local a = fetch_agent(ARGV[2])
if not a then return {'not_found'} end
if a.b + 0 > ARGV[4] + 0 then return {'heard'} end
local kinds, ready, stop = {}, {}, {}
for _, id in ipairs(held_by(a.id)) do
	local m = fetch(id)
	attempt_lost(m, format('agent %s is gone: %s', a.id, ARGV[3]))
	stop[#stop + 1] = id
	if m.S == PENDING then kinds[m.t] = true end
end
for kind in pairs(kinds) do ready[#ready + 1] = kind end
local was_there = a.S ~= OFFLINE
if was_there then departed(a, false, ARGV[3]) end
commit()
return {'ok', was_there and '1' or '0', ready, stop}
