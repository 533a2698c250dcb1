-- When a round can be claimed: all that it waits for in one value, so that those that cannot are not walked through each
-- time. The store's claims use the very same expression.
CREATE INDEX subscription_round_ripe ON subscription (
    max(round_due_at, ifnull(round_not_before, round_due_at), ifnull(round_leased_until, round_due_at))
) WHERE round_due_at IS NOT NULL AND started_at IS NOT NULL AND remote_confirmed_at IS NOT NULL;

DROP INDEX subscription_round_due;

-- Sweeps are claimed tenant by tenant: one whose budget is used up is not walked through.
CREATE INDEX subscription_sweep_of_tenant ON subscription (tenant, sweep_at);
