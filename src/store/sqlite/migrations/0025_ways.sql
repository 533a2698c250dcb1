-- While a subscription goes over to another way of following: the resource as the former way knows it, where `link` leads
-- until then; when its last round may begin; and where the other way begins afterwards.
ALTER TABLE subscription ADD COLUMN former_target TEXT;
ALTER TABLE subscription ADD COLUMN former_until INTEGER;
ALTER TABLE subscription ADD COLUMN next_link TEXT;
