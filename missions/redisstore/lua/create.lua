-- uses: tally record create
-- Creates missions.
--
-- KEYS[1]  the partition's meta hash
-- ARGV[2]  how many events the outbox may hold
-- ARGV[3…] for each mission: id, type, priority, tags;
--          as in its record, each with a NUL behind it: type, correlation_id, traceparent
--          and tags; name, description and data;
--          max_attempts, timeout, not_before, deadline and stall with spaces between, ''
--          where all are the default;
--          data that are elsewhere, '' for none; what its event says behind the id; and a
--          seq that its own is to be, or to follow; 0 for the present
--
-- Answers for each mission its seq, or 'full' when the outbox is, or the mission that
-- has the id already.
local answers = create_all(3, #ARGV)
commit()
return answers
