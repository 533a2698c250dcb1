-- Encrypted content of notifications, and the certificates that Office 365 encrypts it with.

ALTER TABLE subscription ADD COLUMN include_resource_data INTEGER NOT NULL DEFAULT 0;
ALTER TABLE subscription ADD COLUMN remote_certificate TEXT;                 -- what its content is encrypted with
ALTER TABLE subscription ADD COLUMN quarantined INTEGER NOT NULL DEFAULT 0;

-- What has come and was not looked at yet.
CREATE TABLE content (
    key          INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order of arrival
    id           TEXT NOT NULL UNIQUE,
    subscription INTEGER NOT NULL REFERENCES subscription (key) ON DELETE CASCADE,
    received_at  INTEGER NOT NULL,
    sealed       BLOB NOT NULL
) STRICT;

CREATE INDEX content_subscription ON content (subscription);

-- What was looked at and could not be used. Outlives its subscription; the retention deletes.
CREATE TABLE quarantine (
    key            INTEGER PRIMARY KEY AUTOINCREMENT,
    id             TEXT NOT NULL UNIQUE,
    tenant         TEXT NOT NULL,
    subscription   TEXT NOT NULL,
    reason         TEXT NOT NULL,
    explanation    TEXT NOT NULL,
    received_at    INTEGER NOT NULL,
    quarantined_at INTEGER NOT NULL,
    sealed         BLOB NOT NULL                    -- as it was in `content`, and sealed for that place
) STRICT;

CREATE INDEX quarantine_subscription ON quarantine (subscription);
CREATE INDEX quarantine_age ON quarantine (quarantined_at);

CREATE TABLE certificate (
    id           TEXT PRIMARY KEY,                  -- the encryptionCertificateId
    certificate  BLOB NOT NULL,                     -- DER
    sealed_key   BLOB NOT NULL,                     -- PKCS#8
    made_at      INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL                   -- when Office 365 was last known to use it
) STRICT;
