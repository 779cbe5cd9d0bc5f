-- Notes up to where the stream has the events, and the relay's note about it.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2]  up to and including this position   ARGV[3]  the note
--
-- Answers 'ok', or 'ahead' for a position that has not been given yet.
if ARGV[2] + 0 > pos then return 'ahead' end
acked = ARGV[2] + 0
write_state()
call('HSET', KEYS[1], 'mark', ARGV[3])
return 'ok'
