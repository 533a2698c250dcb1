-- Whom Office 365 has told to wait, and until when: a restart does not shorten it.
CREATE TABLE gate (
    tenant       TEXT NOT NULL,
    -- 'tenant', 'subscriptions' or 'mailbox:USER'
    area         TEXT NOT NULL,
    closed_until INTEGER NOT NULL,
    -- refusals in a row
    refusals     INTEGER NOT NULL,
    -- requests at once
    places       INTEGER NOT NULL,
    PRIMARY KEY (tenant, area)
) STRICT;
