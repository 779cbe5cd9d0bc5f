-- uses: tally record mission attempt retry
-- Ends attempts: completes, fails or releases missions.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2…5] the retry policy: base and max (µs), jitter, a seed
-- ARGV[6…] for each mission: agent, id, fencing token, outcome ('complete', 'fail' or
--          'release'), result (JSON, '' for none), error, its first line, '1' if retryable
--
-- Answers for each {'ok', '1' if it changed anything, mission}, {'not_found'},
-- {'ended', status, mission} or {'superseded', mission}.

-- repeated reports whether the latest outcome was said by this very holder.
local function repeated(m, at)
	if m.H ~= ARGV[at + 2] + 0 or m.G ~= ARGV[at] then return false end
	if ARGV[at + 3] == 'fail' then return m.S ~= COMPLETED and m.E == ARGV[at + 5] end
	local result = m.R == ELSEWHERE and call('GET', P .. 'r:' .. m.id) or m.R
	return ARGV[at + 3] == 'complete' and m.S == COMPLETED and result == ARGV[at + 4]
end

local ends = {}

function ends.complete(m, at)
	duration(m.t, 'r', now - m.B)
	add(totals, 'runs', 1)
	add(totals, 'runtime', math.max(0, now - m.B))
	set_result(m, ARGV[at + 4])
	outcome(m, '', m.A)
	finish(m, 'complete', 'completed by agent ' .. m.A)
end

function ends.fail(m, at)
	outcome(m, ARGV[at + 5], m.A)
	local reason = format('failed on agent %s: %s', m.A, ARGV[at + 6])
	if ARGV[at + 7] == '1' then
		attempt_failed(m, reason, back_off(m))
	else
		finish(m, 'give up', reason .. ' (not retryable)')
	end
end

function ends.release(m)
	m.a = m.a - 1
	give_back(m, 'released by agent ' .. m.A, now)
end

local answers = {}
for at = 6, #ARGV, 8 do
	local m, refusal, other = holder(ARGV[at], ARGV[at + 1], ARGV[at + 2])
	if m then
		ends[ARGV[at + 3]](m, at)
		answers[#answers + 1] = {'ok', '1', told(m)}
	elseif other and repeated(other, at) then
		answers[#answers + 1] = {'ok', '0', told(other)}
	else
		if other then refusal[#refusal + 1] = told(other) end
		answers[#answers + 1] = refusal
	end
end
commit()
return answers
