-- Tells what a mission's seq would be now.
--
-- KEYS[1]  the partition's meta hash
--
-- Answers a seq that is newer than every mission of the partition.
return int(math.max(now, seq + 1))
