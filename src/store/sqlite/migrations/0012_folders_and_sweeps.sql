-- How often a folder's cursor has died since it was last walked to its end: the pause before it is read anew grows with it.
ALTER TABLE folder ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0;

-- Subscriptions that nothing will look at but for a hint: sweeps were off when their last round ended, or the store is older
-- than sweeps are. They are found by this when sweeps are on.
CREATE INDEX subscription_unswept ON subscription (key) WHERE sweep_at IS NULL AND round_due_at IS NULL;
