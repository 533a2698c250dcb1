-- Links to the Connect page. Of a link's token there is only its hash.
CREATE TABLE invite (
    hash          BLOB PRIMARY KEY,
    subscriptions TEXT NOT NULL,                   -- a glob: what the page offers
    ends_at       INTEGER NOT NULL,
    used_at       INTEGER                          -- when a connection was made with it
) STRICT;

-- Whoever has picked and was sent to Office 365. Of the state there is only its hash.
CREATE TABLE visit (
    hash     BLOB PRIMARY KEY,
    invite   BLOB NOT NULL REFERENCES invite (hash) ON DELETE CASCADE,
    picks    TEXT NOT NULL,                        -- JSON
    ends_at  INTEGER NOT NULL,
    ended_at INTEGER                               -- when Office 365 sent an answer along
) STRICT;
CREATE INDEX visit_by_invite ON visit (invite);

-- Groups that are told, each with the sink of the same name.
CREATE TABLE connection (
    name       TEXT PRIMARY KEY,
    group_name TEXT,
    picks      TEXT NOT NULL,                      -- JSON
    sealed_url BLOB NOT NULL,
    made_at    INTEGER NOT NULL,
    greeted    INTEGER NOT NULL DEFAULT 0
) STRICT;
