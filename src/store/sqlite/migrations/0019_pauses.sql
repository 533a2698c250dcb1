-- Paused: notified and renewed as before, but nothing is fetched. What is claimed is found by indexes that know of it.
ALTER TABLE subscription ADD COLUMN paused_at INTEGER;

CREATE INDEX subscription_paused ON subscription (key) WHERE paused_at IS NOT NULL;

DROP INDEX subscription_round_ripe;
CREATE INDEX subscription_round_ripe ON subscription (
    max(round_due_at, ifnull(round_not_before, round_due_at), ifnull(round_leased_until, round_due_at))
) WHERE round_due_at IS NOT NULL AND started_at IS NOT NULL AND remote_confirmed_at IS NOT NULL AND paused_at IS NULL;

DROP INDEX subscription_round_ripe_of_tenant;
CREATE INDEX subscription_round_ripe_of_tenant ON subscription (
    tenant,
    max(round_due_at, ifnull(round_not_before, round_due_at), ifnull(round_leased_until, round_due_at))
) WHERE round_due_at IS NOT NULL AND started_at IS NOT NULL AND remote_confirmed_at IS NOT NULL AND paused_at IS NULL;

DROP INDEX subscription_sweep_ripe;
CREATE INDEX subscription_sweep_ripe ON subscription (
    tenant,
    max(sweep_at, ifnull(round_not_before, sweep_at), ifnull(round_leased_until, sweep_at))
) WHERE sweep_at IS NOT NULL AND removed_at IS NULL AND started_at IS NOT NULL AND remote_confirmed_at IS NOT NULL
    AND paused_at IS NULL;
