-- Readers whose place in the log is kept: the number of the last event that they have committed.
CREATE TABLE consumer (
    name         TEXT PRIMARY KEY,
    sequence     INTEGER NOT NULL,
    committed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
