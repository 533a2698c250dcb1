-- Reading everything anew after a delta cursor died: what is not seen in it is gone.
ALTER TABLE subscription ADD COLUMN resync     INTEGER NOT NULL DEFAULT 0;   -- 1: it is read; 2: what was not seen is told
ALTER TABLE subscription ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;   -- how often it was begun
ALTER TABLE item ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;           -- the subscription's, when it was last seen or written
