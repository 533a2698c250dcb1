-- Items of pages that nobody understands are put aside beside contents; nothing of them is kept but where they stood.
CREATE TABLE put_aside (
    key            INTEGER PRIMARY KEY AUTOINCREMENT,
    id             TEXT NOT NULL UNIQUE,
    tenant         TEXT NOT NULL,
    subscription   TEXT NOT NULL,
    reason         TEXT NOT NULL,
    explanation    TEXT NOT NULL,
    item           TEXT,                            -- its id at Office 365
    cursor         TEXT,                            -- the link of its page
    received_at    INTEGER NOT NULL,
    quarantined_at INTEGER NOT NULL,
    sealed         BLOB                             -- of a content: as it was in `content`, and sealed for that place
) STRICT;

INSERT INTO put_aside (key, id, tenant, subscription, reason, explanation, received_at, quarantined_at, sealed)
SELECT key, id, tenant, subscription, reason, explanation, received_at, quarantined_at, sealed FROM quarantine;

DROP TABLE quarantine;
ALTER TABLE put_aside RENAME TO quarantine;

CREATE INDEX quarantine_subscription ON quarantine (subscription);
CREATE INDEX quarantine_age ON quarantine (quarantined_at);
