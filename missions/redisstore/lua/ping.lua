-- Proves that the data set is there.
--
-- KEYS[1]  the partition's meta hash
return 'ok'
