-- The body of an item that was told as it is stands in the log already: the mirror's row points there, and gets the body
-- itself when the event is deleted.
ALTER TABLE item ADD COLUMN told INTEGER;           -- the event's sequence; `properties` is then NULL

CREATE INDEX item_told ON item (told) WHERE told IS NOT NULL;
