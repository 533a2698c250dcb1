//! How many sweeps a tenant is asked for: so many a minute, evenly spread. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::model::Name;

/// When each tenant may be swept next.
#[derive(Debug)]
pub(super) struct Budget {
    interval: Duration,
    next: BTreeMap<Name, DateTime<Utc>>,
}

impl Budget {
    /// So many sweeps a minute for each tenant; not 0.
    pub(super) fn new(per_minute: u32) -> Self {
        Self { interval: Duration::from_secs(60) / per_minute.max(1), next: BTreeMap::new() }
    }

    /// A sweep of this tenant begins.
    pub(super) fn spend(&mut self, tenant: &Name, now: DateTime<Utc>) {
        self.next.insert(tenant.clone(), now + self.interval);
    }

    /// Tenants that may not be swept now.
    pub(super) fn closed(&self, now: DateTime<Utc>) -> Vec<Name> {
        self.next.iter().filter(|(_, at)| **at > now).map(|(tenant, _)| tenant.clone()).collect()
    }

    /// When the first of them may be swept again.
    pub(super) fn opens_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.next.values().copied().filter(|at| *at > now).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_swept_so_many_times_a_minute_and_another_does_not_wait_for_it() {
        let (contoso, fabrikam): (Name, Name) = ("contoso".parse().unwrap(), "fabrikam".parse().unwrap());
        let mut budget = Budget::new(30);
        let (mut now, mut sweeps) = (DateTime::UNIX_EPOCH, 0);
        for _ in 0..60 {
            if !budget.closed(now).contains(&contoso) {
                budget.spend(&contoso, now);
                sweeps += 1;
            }
            assert!(!budget.closed(now).contains(&fabrikam));
            now += Duration::from_secs(1);
        }
        assert_eq!(sweeps, 30);
        assert_eq!(budget.opens_at(now), None);
        budget.spend(&contoso, now);
        assert_eq!(budget.opens_at(now), Some(now + Duration::from_secs(2)));
    }
}
