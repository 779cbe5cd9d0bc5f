-- uses: tally mission
-- Puts FAILED and CANCELLED missions back to PENDING, their attempts counted anew.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2…] ids
--
-- Answers for each mission {'ok', hash}, {'not_found'}, {'status', status, hash} or
-- {'deadline', hash} where it has passed.
local function retry(m)
	displace(m)
	pend(sorted, P .. 'f', m.id, false)
	forget_agent(m)
	for _, field in ipairs({'a', 'F', 'R', 'E', 'H', 'G'}) do set(m, field, nil) end
	move(m, 'retry', 'retried by an operator')
	enqueue(m, math.max(now, (m.b or 0) + 0))
	save(m)
end

local answers = {}
for i = 2, #ARGV do
	local m, answer = fetch(ARGV[i]), nil
	if not m then
		answer = {'not_found'}
	elseif not NEXT[m.S .. 'retry'] then
		answer = {'status', m.S, flat(m)}
	elseif m.l and m.l + 0 <= now then
		answer = {'deadline', flat(m)}
	else
		retry(m)
		answer = {'ok', flat(m)}
	end
	answers[#answers + 1] = answer
end
commit()
return answers
