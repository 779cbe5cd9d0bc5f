-- Counts the events in the outbox.
--
-- KEYS[1]  the partition's meta hash
--
-- Answers how many.
return int(pos - gone)
