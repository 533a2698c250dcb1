-- How long Office 365 lets subscriptions live, where it has told that this is less than was asked for.
CREATE TABLE lifetime (
    tenant     TEXT NOT NULL,
    kind       TEXT NOT NULL,
    content    INTEGER NOT NULL,                    -- 1: of those whose notifications bring content
    longest    INTEGER NOT NULL,
    learned_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, kind, content)
) STRICT;

-- The remote subscription that was held before: it may live on, and stand in the way of the next.
ALTER TABLE subscription ADD COLUMN former_remote_id TEXT;

-- When it was last deleted and made anew because renewing it was forbidden.
ALTER TABLE subscription ADD COLUMN remade_at INTEGER;
