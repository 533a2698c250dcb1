-- However many are followed: who opens the store, and who asks what is due next, looks only at those that it is about.
CREATE INDEX subscription_round_leased ON subscription (key) WHERE round_leased_until IS NOT NULL;
CREATE INDEX subscription_renewal_leased ON subscription (key) WHERE renewal_leased_until IS NOT NULL;
CREATE INDEX subscription_renewal_failed ON subscription (renewal_due_at) WHERE renewal_error IS NOT NULL;
CREATE INDEX subscription_content ON subscription (name) WHERE include_resource_data = 1 AND removed_at IS NULL;
CREATE INDEX subscription_certificate ON subscription (remote_certificate) WHERE remote_certificate IS NOT NULL;

-- When a sweep can be claimed, in one value, as with rounds. The store's claims use the very same expression.
CREATE INDEX subscription_sweep_ripe ON subscription (
    tenant,
    max(sweep_at, ifnull(round_not_before, sweep_at), ifnull(round_leased_until, sweep_at))
) WHERE sweep_at IS NOT NULL AND removed_at IS NULL AND started_at IS NOT NULL AND remote_confirmed_at IS NOT NULL;

DROP INDEX subscription_sweep_of_tenant;
