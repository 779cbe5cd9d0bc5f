-- uses: tally mission
-- Deletes missions that nobody is working on. A PENDING one is cancelled first, so
-- that the events of its life are whole.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2…] ids
--
-- Answers for each mission {'ok', its hash as it stood}, {'not_found'} or
-- {'running', hash}.
local answers = {}
for i = 2, #ARGV do
	local m = fetch(ARGV[i])
	if not m then
		answers[#answers + 1] = {'not_found'}
	elseif m.S == '1' then
		answers[#answers + 1] = {'running', flat(m)}
	else
		if m.S == '0' then finish(m, 'cancel', 'deleted') end
		remove(m)
		answers[#answers + 1] = {'ok', flat(m)}
	end
end
commit()
return answers
