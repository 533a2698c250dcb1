-- Times and durations are microseconds; times count from 1970 in UTC.

-- What the store keeps for the program itself.
CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE subscription (
    key                  INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again: mirror rows outlive their subscription
    id                   TEXT NOT NULL UNIQUE,
    -- The wish.
    name                 TEXT NOT NULL UNIQUE,
    tenant               TEXT NOT NULL,
    resource             TEXT NOT NULL,
    via                  TEXT NOT NULL,
    start                TEXT NOT NULL,
    lifetime             INTEGER,
    selected             TEXT NOT NULL,             -- JSON: property names
    origin               TEXT NOT NULL,
    removed_at           INTEGER,
    -- What it was resolved to.
    target               TEXT,                      -- JSON
    target_key           TEXT,
    -- What Office 365 holds for it.
    remote_id            TEXT,
    remote_expires_at    INTEGER,
    remote_renew_at      INTEGER,
    remote_confirmed_at  INTEGER,                   -- stays when the remote subscription is lost
    -- Its renewal.
    renewal_due_at       INTEGER,                   -- NULL: nothing is left to do at Office 365
    renewal_leased_until INTEGER,
    renewal_attempts     INTEGER NOT NULL DEFAULT 0,
    renewal_error        TEXT,                      -- JSON
    -- Its rounds.
    started_at           INTEGER,
    link                 TEXT,                      -- JSON
    first_round_open     INTEGER NOT NULL DEFAULT 1,
    first_round          TEXT,                      -- JSON: how far the first round has come
    round_due_at         INTEGER,                   -- when a round is or became due; NULL: when a hint comes
    round_not_before     INTEGER,
    round_lease          TEXT,
    round_through        INTEGER,                   -- the last hint that was there when the round began
    round_leased_until   INTEGER,
    round_attempts       INTEGER NOT NULL DEFAULT 0,
    round_error          TEXT,                      -- JSON
    empty_looks          INTEGER NOT NULL DEFAULT 0,
    -- What it has brought.
    events               INTEGER NOT NULL DEFAULT 0, -- the change counter that event ids are made of
    last_notification_at INTEGER,                   -- of the hints that are worked off
    last_fetch_at        INTEGER,
    last_event_at        INTEGER
) STRICT;

CREATE UNIQUE INDEX subscription_follows ON subscription (tenant, target_key, via) WHERE removed_at IS NULL;
CREATE INDEX subscription_renewal_due ON subscription (renewal_due_at);
CREATE INDEX subscription_round_due ON subscription (round_due_at);

CREATE TABLE inbox (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    subscription INTEGER NOT NULL REFERENCES subscription (key) ON DELETE CASCADE,
    kind         TEXT NOT NULL,
    received_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX inbox_subscription ON inbox (subscription);

-- The mirror: what is known of each item. With rowids, because rows of this size would spill to overflow pages
-- in a table without: twice the bytes and a quarter of the speed.
CREATE TABLE item (
    key          INTEGER PRIMARY KEY,
    subscription INTEGER NOT NULL,
    id           TEXT NOT NULL,
    gone_at      INTEGER,                           -- of a tombstone
    properties   TEXT,                              -- JSON; NULL in a tombstone
    UNIQUE (subscription, id)
) STRICT;

CREATE INDEX item_gone ON item (gone_at) WHERE gone_at IS NOT NULL;

-- Subscriptions that are gone and whose mirror rows are still to be deleted.
CREATE TABLE departed (
    subscription INTEGER PRIMARY KEY
) STRICT;

-- The log. Nothing but retention deletes, and only from its beginning.
CREATE TABLE event (
    sequence     INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT NOT NULL,
    tenant       TEXT NOT NULL,
    subscription TEXT NOT NULL,
    type         TEXT NOT NULL,
    subject      TEXT NOT NULL,
    time         INTEGER NOT NULL,
    written_at   INTEGER NOT NULL,
    data         TEXT NOT NULL                      -- JSON; last, so that a reader who skips the event skips it
) STRICT;
