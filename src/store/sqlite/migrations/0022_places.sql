-- Where the mirror's items stand. The whole id stands in the item's row alone; eight bytes of it are enough to find that.
CREATE TABLE place (
    subscription INTEGER NOT NULL,
    hash         INTEGER NOT NULL,                  -- of the item's id; others may have the same
    item         INTEGER NOT NULL,                  -- its key
    PRIMARY KEY (subscription, hash, item)
) STRICT, WITHOUT ROWID;

-- The places of items up to this key stand there. Those of later ones are kept in memory until there are many.
CREATE TABLE placed (
    through INTEGER NOT NULL
) STRICT;

-- What texts of items are packed with: what two of their kind have in common. None is ever changed or deleted.
CREATE TABLE dictionary (
    key    INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    kind   TEXT NOT NULL,
    text   BLOB NOT NULL
) STRICT;

CREATE INDEX dictionary_kind ON dictionary (tenant, kind);

-- Where it is packed, `data` is empty.
ALTER TABLE event ADD COLUMN dictionary INTEGER;
ALTER TABLE event ADD COLUMN packed     BLOB;

-- The mirror, with keys that are never used again, so that one says how far items are placed.
CREATE TABLE mirrored (
    key          INTEGER PRIMARY KEY AUTOINCREMENT,
    subscription INTEGER NOT NULL,
    id           TEXT NOT NULL,
    generation   INTEGER NOT NULL DEFAULT 0,        -- the subscription's, when it was last seen or written
    gone_at      INTEGER,                           -- of a tombstone
    told         INTEGER,                           -- the event that holds its body, if there is one
    properties   TEXT,                              -- JSON: its body, if it stands here as it is
    dictionary   INTEGER,
    packed       BLOB                               -- its body, if it stands here packed
) STRICT;

INSERT INTO mirrored (key, subscription, id, generation, gone_at, told, properties)
SELECT key, subscription, id, generation, gone_at, told, properties FROM item;

DROP TABLE item;
ALTER TABLE mirrored RENAME TO item;

CREATE INDEX item_gone ON item (gone_at) WHERE gone_at IS NOT NULL;
CREATE INDEX item_told ON item (told) WHERE told IS NOT NULL;

INSERT INTO place (subscription, hash, item) SELECT subscription, item_hash(id), key FROM item ORDER BY 1, 2, 3;
INSERT INTO placed (through) SELECT ifnull(max(key), 0) FROM item;
