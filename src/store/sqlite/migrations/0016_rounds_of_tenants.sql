-- When a round of a tenant can be claimed, where others have all the places that they may have.
CREATE INDEX subscription_round_ripe_of_tenant ON subscription (
    tenant,
    max(round_due_at, ifnull(round_not_before, round_due_at), ifnull(round_leased_until, round_due_at))
) WHERE round_due_at IS NOT NULL AND started_at IS NOT NULL AND remote_confirmed_at IS NOT NULL;
