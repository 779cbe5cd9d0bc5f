-- What missions wait for, keep and spend: engine.Flow, encoded, with what belongs to it.
ALTER TABLE missions ADD COLUMN flow INTEGER NOT NULL DEFAULT 0; -- it has parts
ALTER TABLE leases ADD COLUMN signal INTEGER;                    -- number of the last signal that the holder has not seen

-- Parts of missions: see engine.Part. The flow itself is the part "flow".
CREATE TABLE parts (
    seq  INTEGER NOT NULL, -- the mission's
    name TEXT    NOT NULL,
    body BLOB    NOT NULL,
    PRIMARY KEY (seq, name)
);

-- Batches, how many missions wait for a source, and sources that have ended: see engine.Doc.
CREATE TABLE docs (
    key  TEXT PRIMARY KEY,
    body BLOB NOT NULL
);

-- Sets in the order of their members: see engine.Member.
CREATE TABLE members (
    name   TEXT NOT NULL,
    member TEXT NOT NULL,
    PRIMARY KEY (name, member)
) WITHOUT ROWID;
