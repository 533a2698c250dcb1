-- Renewals are claimed apart from what else is due, and both tenant by tenant, so that neither what waits in the other lane
-- nor what waits for a busy tenant is walked through.
ALTER TABLE subscription ADD COLUMN renewal_apart INTEGER NOT NULL DEFAULT 0;    -- 1: held, but due for another thing than a renewal
-- 1: a renewal; 0: another thing.
ALTER TABLE subscription ADD COLUMN renewal_lane INTEGER
    GENERATED ALWAYS AS (remote_id IS NOT NULL AND removed_at IS NULL AND renewal_apart = 0) VIRTUAL;
-- When it can be claimed, in one value.
ALTER TABLE subscription ADD COLUMN renewal_ripe_at INTEGER
    GENERATED ALWAYS AS (max(renewal_due_at, ifnull(renewal_leased_until, renewal_due_at))) VIRTUAL;

CREATE INDEX subscription_renewal_ripe ON subscription (renewal_lane, tenant, renewal_ripe_at)
WHERE renewal_due_at IS NOT NULL;

DROP INDEX subscription_renewal_due;

-- How long one subscription may live, as its refusals have taught. In `lifetime` stands what more than one of the same
-- tenant, kind and content was told; what stood there until now may have been told to one alone.
CREATE TABLE lesson (
    subscription INTEGER PRIMARY KEY REFERENCES subscription (key) ON DELETE CASCADE,
    kind         TEXT NOT NULL,
    content      INTEGER NOT NULL,
    longest      INTEGER NOT NULL,
    told         INTEGER NOT NULL,                  -- 1: Office 365 has told the number; 0: it is a guess
    learned_at   INTEGER NOT NULL
) STRICT;

CREATE INDEX lesson_told ON lesson (kind, content, longest) WHERE told = 1;
CREATE INDEX lesson_learned ON lesson (learned_at);

DELETE FROM lifetime;
