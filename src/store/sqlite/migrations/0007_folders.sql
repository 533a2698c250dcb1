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

-- Sweeps have a time of their own, so that they never stand before a round that something asked for.
ALTER TABLE subscription ADD COLUMN sweep_at INTEGER;                            -- NULL: never, or another look comes first
ALTER TABLE subscription ADD COLUMN outage_sweep INTEGER NOT NULL DEFAULT 0;     -- it is due since nobody listened for long
-- Its rhythm.
ALTER TABLE subscription ADD COLUMN alive_at INTEGER;                            -- the last notification that was counted
ALTER TABLE subscription ADD COLUMN usual_gap INTEGER;                           -- between two notifications
ALTER TABLE subscription ADD COLUMN gaps INTEGER NOT NULL DEFAULT 0;             -- how many that is made of
ALTER TABLE subscription ADD COLUMN quiet_sweeps INTEGER NOT NULL DEFAULT 0;     -- that found nothing in this quiet
ALTER TABLE subscription ADD COLUMN haste INTEGER NOT NULL DEFAULT 0;            -- how often the sweeps' period is halved

UPDATE subscription SET sweep_at = round_due_at, round_due_at = NULL
WHERE empty_looks = 0 AND last_fetch_at IS NOT NULL AND round_due_at IS NOT NULL
      AND key NOT IN (SELECT subscription FROM inbox) AND ifnull(link, '') NOT LIKE '{"Next"%';
