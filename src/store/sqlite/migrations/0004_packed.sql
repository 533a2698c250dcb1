-- What one commit brings arrives as one row: twenty hints cost little more than one.
CREATE TABLE packed (
    number INTEGER PRIMARY KEY,                     -- of the last hint in it; numbers only grow and leave none out
    hints  TEXT NOT NULL                            -- JSON: [[subscription, kind, received_at], ...]; [] once moved on
) STRICT;

INSERT INTO packed (number, hints)
SELECT number, iif(subscription = 0, '[]', json_array(json_array(subscription, kind, received_at))) FROM arrival;

DROP VIEW hint;
DROP TABLE arrival;
ALTER TABLE packed RENAME TO arrival;

-- What has arrived and was not moved on.
CREATE VIEW arrived AS
SELECT arrival.number - json_array_length(arrival.hints) + 1 + one.key AS number,
       one.value ->> 0 AS subscription, one.value ->> 1 AS kind, one.value ->> 2 AS received_at
FROM arrival JOIN json_each(arrival.hints) AS one;

-- All hints that wait.
CREATE VIEW hint AS
SELECT number, subscription, kind, received_at FROM inbox
UNION ALL
SELECT number, subscription, kind, received_at FROM arrived;
