-- The relay's note about what the event stream has acknowledged: one row, or none.
CREATE TABLE acknowledged (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    mark TEXT NOT NULL
);
