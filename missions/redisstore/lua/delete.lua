-- uses: tally record mission attempt
-- Deletes missions that nobody is working on. A PENDING one is cancelled first, so
-- that the events of its life are whole.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2…] ids
--
-- Answers for each mission {'ok', the mission as it stood}, {'not_found'} or
-- {'running', mission}.
local answers = {}
for i = 2, #ARGV do
	local m = fetch(ARGV[i])
	if not m then
		answers[#answers + 1] = {'not_found'}
	elseif m.S == RUNNING then
		answers[#answers + 1] = {'running', told(m)}
	else
		if m.S == PENDING then finish(m, 'cancel', 'deleted') end
		answers[#answers + 1] = {'ok', told(m)}
		remove(m)
	end
end
commit()
return answers
