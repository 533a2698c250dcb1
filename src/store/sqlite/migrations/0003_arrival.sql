-- Where hints arrive. It is written at its end and nowhere else, so that an acknowledgement costs a page that all share;
-- in the inbox, which has an index, each would cost a page of its own. From here hints are moved on in order of their
-- subscriptions, many at once, before anything is claimed.
CREATE TABLE arrival (
    number       INTEGER PRIMARY KEY,
    subscription INTEGER NOT NULL,                  -- 0: moved on; one such row stays, so that numbers only grow
    kind         TEXT NOT NULL,
    received_at  INTEGER NOT NULL
) STRICT;

INSERT INTO arrival (number, subscription, kind, received_at)
SELECT ifnull(max(seq), 0), 0, '', 0 FROM sqlite_sequence WHERE name = 'inbox';

-- All hints that wait.
CREATE VIEW hint AS
SELECT number, subscription, kind, received_at FROM inbox
UNION ALL
SELECT number, subscription, kind, received_at FROM arrival WHERE subscription <> 0;
