-- Ends a candidate's leadership, if it leads.
--
-- KEYS[1]  the meta hash of partition 0
-- ARGV[2]  candidate
if call('HGET', P .. 'leader', 'holder') == ARGV[2] then call('DEL', P .. 'leader') end
return 'ok'
