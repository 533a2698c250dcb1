-- Mailboxes that are followed whole. Each folder has a delta cursor of its own; that of the tree of folders stands
-- under the empty id. `page` numbers count the pages that were committed for the subscription: what was asked for at a
-- later number was asked later.
CREATE TABLE folder (
    key          INTEGER PRIMARY KEY,
    subscription INTEGER NOT NULL REFERENCES subscription (key) ON DELETE CASCADE,
    id           TEXT NOT NULL,
    link         TEXT,                             -- JSON
    round        INTEGER NOT NULL DEFAULT 0,       -- the last round in which it was walked to its end
    walk_page    INTEGER NOT NULL DEFAULT 0,       -- when the walk that is under way began
    walked_page  INTEGER NOT NULL DEFAULT 0,       -- when the last walk began that came to its end
    changed_page INTEGER NOT NULL DEFAULT 0,       -- when it last brought something
    gone_page    INTEGER,                          -- when it was found deleted; its messages are still to be told
    UNIQUE (subscription, id)
) STRICT;

-- Messages that a folder says are gone, until every other folder has been asked.
CREATE TABLE held_removal (
    key          INTEGER PRIMARY KEY,
    subscription INTEGER NOT NULL REFERENCES subscription (key) ON DELETE CASCADE,
    item         TEXT NOT NULL,
    folder       TEXT NOT NULL,
    page         INTEGER NOT NULL,
    UNIQUE (subscription, item)
) STRICT;

CREATE INDEX held_removal_folder ON held_removal (subscription, folder, page);

ALTER TABLE subscription ADD COLUMN pages INTEGER NOT NULL DEFAULT 0;
ALTER TABLE subscription ADD COLUMN folder_round INTEGER NOT NULL DEFAULT 0;
ALTER TABLE subscription ADD COLUMN folder_round_open INTEGER NOT NULL DEFAULT 0;
