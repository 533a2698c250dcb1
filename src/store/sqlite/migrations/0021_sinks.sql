-- The ledger of what is pushed to sinks.
CREATE TABLE sink (
    key             INTEGER PRIMARY KEY AUTOINCREMENT,
    name            TEXT NOT NULL UNIQUE,
    position        INTEGER NOT NULL,              -- all events up to here were delivered or are stored as deliveries
    lease           TEXT,
    leased_until    INTEGER,
    delivered       INTEGER NOT NULL DEFAULT 0,
    delivered_at    INTEGER,
    lost            INTEGER NOT NULL DEFAULT 0,    -- what the retention took before the sink had it
    lost_at         INTEGER,
    disabled_at     INTEGER,
    disabled_reason TEXT,
    removed_at      INTEGER,                       -- since when the configuration does not have it
    failure         TEXT                           -- JSON: the last attempt, if it failed
) STRICT;

-- What did not go at once. It has the event itself, since the log may have deleted it by the time of the last attempt.
CREATE TABLE delivery (
    key          INTEGER PRIMARY KEY AUTOINCREMENT,
    sink         INTEGER NOT NULL REFERENCES sink (key) ON DELETE CASCADE,
    sequence     INTEGER NOT NULL,
    id           TEXT NOT NULL,
    tenant       TEXT NOT NULL,
    subscription TEXT NOT NULL,
    type         TEXT NOT NULL,
    subject      TEXT NOT NULL,
    time         INTEGER NOT NULL,
    state        TEXT NOT NULL,
    round        INTEGER NOT NULL DEFAULT 0,       -- attempts since it was last taken up
    stored_at    INTEGER NOT NULL,
    due_at       INTEGER,                          -- NULL: waits behind an earlier event of its item, or is over
    tried_at     INTEGER,                          -- when the last attempt began
    settled_at   INTEGER,
    data         TEXT NOT NULL,                    -- JSON; null once it was delivered
    UNIQUE (sink, sequence)
) STRICT;

CREATE INDEX delivery_due ON delivery (sink, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX delivery_item ON delivery (sink, subscription, subject, sequence) WHERE state = 'pending';
CREATE INDEX delivery_state ON delivery (sink, state, sequence);
CREATE INDEX delivery_settled ON delivery (settled_at) WHERE settled_at IS NOT NULL;

CREATE TABLE attempt (
    delivery INTEGER NOT NULL REFERENCES delivery (key) ON DELETE CASCADE,
    number   INTEGER NOT NULL,
    attempt  TEXT NOT NULL,                        -- JSON
    PRIMARY KEY (delivery, number)
) STRICT, WITHOUT ROWID;
