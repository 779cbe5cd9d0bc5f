-- uses: tally record mission agent claim
-- Gives agents claimable missions under leases: by priority, then age.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2…] for each request: agent, types with commas ('' for its own), the most
--          missions, the most bytes beyond the first (0: no bound), the lease (µs),
--          '1' if the agent itself has just asked
--
-- Answers for each request {'ok', types, '1' if the bytes left missions behind,
-- {mission, …}}, {'not_found'}, {'left'} or {'draining'}.

local answers = {}
for at = 2, #ARGV, 6 do answers[#answers + 1] = claim(at) end
commit()
return answers
