-- Reads the clock.
--
-- KEYS[1]  the partition's meta hash
return int(now)
