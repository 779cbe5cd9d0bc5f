-- Reads up to where the stream has the events.
--
-- KEYS[1]  the partition's meta hash
--
-- Answers {position, the relay's note about it}.
return {int(acked), call('HGET', KEYS[1], 'mark') or ''}
