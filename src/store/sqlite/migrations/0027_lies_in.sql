-- The folder that an item of a list lies in, as a hash of its id: what lay in a folder that was removed is found by that. Lists
-- that are followed over Graph have it too, since they may go over to the other way.
ALTER TABLE item ADD COLUMN lies_in INTEGER;

UPDATE item AS i SET lies_in = (
    SELECT item_hash(lower(body.folder))
    FROM (SELECT coalesce(i.properties,
                          unpack(i.packed, (SELECT d.text FROM dictionary AS d WHERE d.key = i.dictionary)),
                          (SELECT ifnull(unpack(e.packed, (SELECT d.text FROM dictionary AS d WHERE d.key = e.dictionary)),
                                         e.data) -> '$.resource'
                           FROM event AS e WHERE e.sequence = i.told)) ->> '$.parentReference.id' AS folder) AS body
    WHERE body.folder IS NOT NULL)
WHERE gone_at IS NULL AND subscription IN (SELECT key FROM subscription WHERE target ->> '$.kind' = 'list');

CREATE INDEX item_lies_in ON item (subscription, lies_in) WHERE lies_in IS NOT NULL;
