-- Counts the events that the stream has not acknowledged.
--
-- KEYS[1]  the partition's meta hash
--
-- Answers how many.
return int(pos - acked)
