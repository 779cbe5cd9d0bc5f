-- Reads how alerts stand.
--
-- KEYS[1]  the meta hash of partition 0
--
-- Answers {rule, alert, …}: change_alerts.lua.
return call('HGETALL', P .. 'alerts')
