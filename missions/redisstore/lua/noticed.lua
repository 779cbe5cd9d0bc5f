-- Deletes a notice.
--
-- KEYS[1]  the meta hash of partition 0
-- ARGV[2]  its position
call('XDEL', P .. 'notices', ARGV[2] .. '-0')
return 'ok'
