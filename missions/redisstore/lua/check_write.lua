-- Writes the partition's state as it is, which a Redis that is full or read-only refuses.
--
-- KEYS[1]  the partition's meta hash
write_state()
return 'ok'
