-- uses: tally record mission attempt
-- Stores how far missions have come.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2…] for each mission: agent, id, fencing token, percent, message
--
-- Answers for each {'ok', correlation_id, traceparent}, {'not_found'}, {'ended', status} or {'superseded'}.
local answers = {}
for at = 2, #ARGV, 5 do
	local m, refusal = holder(ARGV[at], ARGV[at + 1], ARGV[at + 2])
	if m then
		m.P, m.M, m.u = ARGV[at + 3], ARGV[at + 4], now
		moves(m)
		save(m)
	end
	answers[#answers + 1] = refusal or {'ok', m.c, m.v}
end
settle(P .. 'l')
return answers
