-- What commits have changed that the other tables do not have yet: engine.Changes, encoded.
CREATE TABLE journal (
    n    INTEGER PRIMARY KEY,
    body BLOB NOT NULL
);

-- Numbers that are never given twice, and how far the outbox has come: one row.
CREATE TABLE marks (
    only         INTEGER PRIMARY KEY CHECK (only = 1),
    outbox       INTEGER NOT NULL, -- position given last
    acknowledged INTEGER NOT NULL, -- the stream has everything up to here
    mark         TEXT    NOT NULL, -- the relay's note about it
    forgotten    INTEGER NOT NULL, -- everything up to here has left the outbox
    token        INTEGER NOT NULL, -- fencing token given last
    seq          INTEGER NOT NULL, -- given last to a mission
    revision     INTEGER NOT NULL, -- given last to an alert
    sampled      INTEGER NOT NULL  -- when the latest sample was taken; 0 for never
);

-- Counters and histograms by mission type, '' for all: engine.Totals, encoded.
CREATE TABLE totals (
    type TEXT PRIMARY KEY,
    body BLOB NOT NULL
) WITHOUT ROWID;

-- Statistics by time: engine.Point, encoded. A series is an engine.Series; a slot is a
-- minute since the epoch, or ten.
CREATE TABLE points (
    series INTEGER NOT NULL,
    type   TEXT    NOT NULL,
    slot   INTEGER NOT NULL,
    body   BLOB    NOT NULL,
    PRIMARY KEY (series, type, slot)
) WITHOUT ROWID;
CREATE INDEX points_slot ON points (series, slot);

-- Leases and agents are in memory while a supervisor runs, and need no index.
CREATE TABLE held (
    seq        INTEGER PRIMARY KEY, -- the mission's
    agent_id   TEXT    NOT NULL,
    lease      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ends_at    INTEGER,             -- by the mission's timeout_seconds
    stalls_at  INTEGER,             -- by its stall_seconds
    missed     INTEGER NOT NULL     -- heartbeats in a row that did not list it
);
INSERT INTO held (seq, agent_id, lease, expires_at, ends_at, stalls_at, missed)
    SELECT seq, agent_id, lease, expires_at, ends_at, stalls_at, missed FROM leases;
DROP TABLE leases;
ALTER TABLE held RENAME TO leases;
DROP INDEX agents_state;
DROP INDEX agents_due;
DROP TABLE agent_types;
ALTER TABLE agents DROP COLUMN running;
ALTER TABLE agents DROP COLUMN due_at;
