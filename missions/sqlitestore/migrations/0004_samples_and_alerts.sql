-- Samples of the statistics, by type, '' for all; what each name means stands in
-- sample.go. A sample is in the row of the minute in which it was taken (span 1), and
-- added to that of its ten minutes (span 10).
CREATE TABLE samples (
    span   INTEGER NOT NULL, -- minutes
    slot   INTEGER NOT NULL, -- minutes since the epoch / span
    type   TEXT    NOT NULL,
    name   INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    n      INTEGER NOT NULL,
    sum_us INTEGER NOT NULL,
    PRIMARY KEY (span, slot, type, name, bucket)
) WITHOUT ROWID;

CREATE TABLE sample_times (
    span  INTEGER NOT NULL,
    slot  INTEGER NOT NULL,
    since INTEGER NOT NULL, -- when what it counts begins
    PRIMARY KEY (span, slot)
) WITHOUT ROWID;

-- The histograms as they stood at the latest sample.
CREATE TABLE sampled (
    type   TEXT    NOT NULL,
    name   INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    n      INTEGER NOT NULL,
    sum_us INTEGER NOT NULL,
    PRIMARY KEY (type, name, bucket)
) WITHOUT ROWID;

-- How many missions there were at the end of a minute; a type that had none has no row.
CREATE TABLE gauges (
    minute  INTEGER NOT NULL, -- since the epoch
    type    TEXT    NOT NULL,
    pending INTEGER NOT NULL,
    running INTEGER NOT NULL,
    PRIMARY KEY (minute, type)
) WITHOUT ROWID;

-- Alerts that are pending or firing.
CREATE TABLE alerts (
    rule       TEXT    PRIMARY KEY,
    metric     TEXT    NOT NULL,
    threshold  REAL    NOT NULL,
    firing     INTEGER NOT NULL,
    since      INTEGER NOT NULL,
    raised_at  INTEGER,
    cleared_at INTEGER,
    checked_at INTEGER NOT NULL,
    revision   INTEGER NOT NULL
) WITHOUT ROWID;

-- Alert events that somebody has yet to be told of: entries of the outbox.
CREATE TABLE notices (
    seq  INTEGER PRIMARY KEY,
    body BLOB NOT NULL
);
