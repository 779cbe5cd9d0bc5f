-- uses: tally
-- Deletes events from the outbox.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2]  up to and including this position
--
-- Answers 'ok', or 'ahead' for a position that has not been given yet.
local up_to = ARGV[2] + 0
if up_to > pos then return 'ahead' end
if up_to > gone then
	call('XTRIM', P .. 'o', 'MINID', int(up_to + 1) .. '-0')
	gone = up_to
	commit()
end
return 'ok'
