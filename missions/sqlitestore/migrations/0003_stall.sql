-- How long an attempt may go without a sign of progress, 0 for no limit, and when the
-- one under way will have, NULL for never. A lease's due_at is the earliest of its
-- three ends.
ALTER TABLE missions ADD COLUMN stall_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE leases ADD COLUMN stalls_at INTEGER;
