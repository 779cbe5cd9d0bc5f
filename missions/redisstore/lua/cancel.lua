-- uses: tally record mission attempt
-- Cancels PENDING and RUNNING missions.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2…] for each mission: id, and the reason as the log tells it
--
-- Answers for each mission {'ok', mission}, {'not_found'} or {'status', status, mission}.
local answers = {}
for at = 2, #ARGV, 2 do
	local m = fetch(ARGV[at])
	if not m then
		answers[#answers + 1] = {'not_found'}
	elseif not NEXT[m.S].cancel then
		answers[#answers + 1] = {'status', DIGIT[m.S], told(m)}
	else
		finish(m, 'cancel', ARGV[at + 1])
		answers[#answers + 1] = {'ok', told(m)}
	end
end
commit()
return answers
