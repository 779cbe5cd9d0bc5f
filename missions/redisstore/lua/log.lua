-- Reads a mission's log. Its first entry tells of the creation and is not stored.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2]  id   ARGV[3]  after this position   ARGV[4]  how many entries at most
--
-- Answers {created_at, {entry, …}} from that position on (the list g:ID begins with
-- position 2), one more than asked for if there are more; {} for no such mission.
local created = call('HGET', P .. 'm:' .. ARGV[2], 's')
if not created then return {} end
local from = math.max(ARGV[3] + 1, 2) - 2
return {created, call('LRANGE', P .. 'g:' .. ARGV[2], from, from + ARGV[4])}
