-- An entry of the outbox holds some events, a JSON array, and has the position of the
-- last of them.
UPDATE outbox SET body = CAST('[' || CAST(body AS TEXT) || ']' AS BLOB);

-- The beginning of a mission's log stands in its row, which is written anyway when its
-- status changes: each change's time, the two statuses and the reason, with a NUL behind
-- each part. That of its creation is not written at all. NULL for missions from before
-- this version, whose log is all in the table. logged says whether it goes on there.
ALTER TABLE missions ADD COLUMN changes BLOB;
ALTER TABLE missions ADD COLUMN logged INTEGER NOT NULL DEFAULT 1;
