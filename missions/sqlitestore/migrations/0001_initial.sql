-- Times are microseconds since the Unix epoch, NULL for none. Statuses, priorities
-- and agent states are small integers: their place in missions.Statuses(),
-- missions.Priorities() and missions.AgentStates().

CREATE TABLE identity (
    store_id TEXT NOT NULL
);

-- One narrow row per mission: what changes often, and what lists filter by. seq is
-- the creation time made unique, so that one key is order, age, cursor and
-- created_at at once.
CREATE TABLE missions (
    seq              INTEGER PRIMARY KEY,
    id               TEXT    NOT NULL,
    name             TEXT    NOT NULL,
    type             TEXT    NOT NULL,
    priority         INTEGER NOT NULL,
    status           INTEGER NOT NULL,
    tags             TEXT,             -- a JSON array, NULL for none
    max_attempts     INTEGER NOT NULL,
    timeout_us       INTEGER NOT NULL, -- 0 for none
    not_before       INTEGER,
    deadline         INTEGER,
    correlation_id   TEXT,
    attempt          INTEGER NOT NULL,
    agent_id         TEXT,
    lease            INTEGER NOT NULL, -- the newest fencing token, 0 before the first claim
    updated_at       INTEGER NOT NULL,
    started_at       INTEGER,
    finished_at      INTEGER,
    ready_at         INTEGER NOT NULL, -- PENDING: claimable from here on
    ready            INTEGER NOT NULL, -- 1: PENDING, and that time has come
    due_at           INTEGER,          -- PENDING: when Due has to look at it next
    progress_percent REAL,
    progress_message TEXT
);
CREATE UNIQUE INDEX missions_id     ON missions (id);
CREATE INDEX missions_status        ON missions (status);
CREATE INDEX missions_type          ON missions (type, status);
CREATE INDEX missions_agent         ON missions (agent_id) WHERE agent_id IS NOT NULL;
CREATE INDEX missions_ready         ON missions (type, priority DESC, seq) WHERE ready = 1;
CREATE INDEX missions_due           ON missions (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX missions_finished      ON missions (finished_at) WHERE finished_at IS NOT NULL;

-- What may be large, apart, so that a change of status does not write it again.
CREATE TABLE payloads (
    seq         INTEGER PRIMARY KEY,
    description TEXT,
    data        BLOB
);
CREATE TABLE outcomes (
    seq      INTEGER PRIMARY KEY,
    result   BLOB,
    error    TEXT,
    lease    INTEGER NOT NULL, -- under which lease the attempt ran, 0 for none
    agent_id TEXT              -- whose report this is, NULL when the store ended the attempt
);

CREATE TABLE tags (
    tag TEXT    NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (tag, seq)
) WITHOUT ROWID;

CREATE TABLE log (
    seq     INTEGER NOT NULL,
    n       INTEGER NOT NULL, -- 1, 2, 3 …
    at      INTEGER NOT NULL,
    level   TEXT    NOT NULL,
    message TEXT    NOT NULL,
    data    BLOB,
    PRIMARY KEY (seq, n)
) WITHOUT ROWID;

CREATE TABLE leases (
    seq        INTEGER PRIMARY KEY, -- the mission's
    agent_id   TEXT    NOT NULL,
    lease      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ends_at    INTEGER,             -- when the mission's timeout ends the attempt
    due_at     INTEGER NOT NULL,    -- the earlier of the two
    missed     INTEGER NOT NULL     -- heartbeats in a row that did not list it
);
CREATE INDEX leases_agent ON leases (agent_id);
CREATE INDEX leases_due   ON leases (due_at);

CREATE TABLE agents (
    id             TEXT    PRIMARY KEY,
    name           TEXT    NOT NULL,
    role           TEXT    NOT NULL,
    state          INTEGER NOT NULL,
    has_left       INTEGER NOT NULL, -- 1: it said goodbye, and must register to come back
    last_heartbeat INTEGER NOT NULL,
    silence_us     INTEGER NOT NULL, -- how long it may stay silent
    due_at         INTEGER,          -- when it will have; NULL while offline
    running        INTEGER NOT NULL,
    capacity       INTEGER NOT NULL,
    types          TEXT    NOT NULL, -- a JSON array
    version        TEXT    NOT NULL,
    host           TEXT    NOT NULL,
    labels         TEXT    NOT NULL, -- a JSON object
    cpu            REAL,
    memory_bytes   INTEGER,
    registered_at  INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX agents_state ON agents (state);
CREATE INDEX agents_due   ON agents (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE agent_types (
    type     TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    PRIMARY KEY (type, agent_id)
) WITHOUT ROWID;

-- Counters by mission type; type '' counts all. What each name means stands in tally.go.
CREATE TABLE counters (
    type TEXT    NOT NULL,
    name INTEGER NOT NULL,
    n    INTEGER NOT NULL,
    PRIMARY KEY (type, name)
) WITHOUT ROWID;

CREATE TABLE histograms (
    type   TEXT    NOT NULL,
    name   INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    n      INTEGER NOT NULL,
    sum_us INTEGER NOT NULL,
    PRIMARY KEY (type, name, bucket)
) WITHOUT ROWID;

CREATE TABLE minutes (
    minute INTEGER NOT NULL, -- since the epoch
    type   TEXT    NOT NULL,
    name   INTEGER NOT NULL,
    n      INTEGER NOT NULL,
    PRIMARY KEY (minute, type, name)
) WITHOUT ROWID;

CREATE TABLE outbox (
    seq  INTEGER PRIMARY KEY,
    body BLOB NOT NULL
);
