-- uses: tally record mission attempt
-- Puts FAILED and CANCELLED missions back to PENDING, their attempts counted anew.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2…] ids
--
-- Answers for each mission {'ok', mission}, {'not_found'}, {'status', status, mission} or
-- {'deadline', mission} where it has passed.
local function retry(m)
	displace(m)
	pend(sorted, P .. 'f', m.id, false)
	forget_agent(m)
	m.a, m.F, m.E, m.H, m.G = 0, 0, '', 0, ''
	move(m, 'retry', 'retried by an operator')
	enqueue(m, math.max(now, m.b))
	save(m)
end

local answers = {}
for i = 2, #ARGV do
	local m, answer = fetch(ARGV[i]), nil
	if not m then
		answer = {'not_found'}
	elseif not NEXT[m.S].retry then
		answer = {'status', DIGIT[m.S], told(m)}
	elseif m.l > 0 and m.l <= now then
		answer = {'deadline', told(m)}
	else
		retry(m)
		answer = {'ok', told(m)}
	end
	answers[#answers + 1] = answer
end
commit()
return answers
