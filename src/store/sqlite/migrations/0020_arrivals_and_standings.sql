-- Hints that arrive together mostly say the same: what and when is written once for all of them.
DROP VIEW hint;
DROP VIEW arrived;

CREATE TABLE runs (
    number INTEGER PRIMARY KEY,                     -- of the last hint in it; numbers only grow and leave none out
    -- JSON: [[kind, received_at, hints from here to the row's end, [subscription, ...]], ...]; [] once moved on
    hints  TEXT NOT NULL
) STRICT;

INSERT INTO runs (number, hints)
SELECT a.number,
       (SELECT json_group_array(json_array(one.value ->> 1, one.value ->> 2, json_array_length(a.hints) - one.key,
                                           json_array(one.value ->> 0)) ORDER BY one.key)
        FROM json_each(a.hints) AS one)
FROM arrival AS a;

DROP TABLE arrival;
ALTER TABLE runs RENAME TO arrival;

-- What has arrived and was not moved on.
CREATE VIEW arrived AS
SELECT arrival.number - (run.value ->> 2) + 1 + one.key AS number,
       one.value AS subscription, run.value ->> 0 AS kind, run.value ->> 1 AS received_at
FROM arrival JOIN json_each(arrival.hints) AS run JOIN json_each(run.value, '$[3]') AS one;

-- All hints that wait.
CREATE VIEW hint AS
SELECT number, subscription, kind, received_at FROM inbox
UNION ALL
SELECT number, subscription, kind, received_at FROM arrived;

-- Who asks how many stand where, or when they end, looks at nothing else, and at the few with an error.
CREATE INDEX subscription_standing ON subscription (remote_expires_at, name, removed_at, remote_confirmed_at);
CREATE INDEX subscription_with_error ON subscription (name)
WHERE renewal_error IS NOT NULL OR (round_error IS NOT NULL AND paused_at IS NULL);
CREATE INDEX subscription_reading ON subscription (name) WHERE first_round IS NOT NULL;
