//! The rounds that are under way, and who may begin another: a tenant that is slow, or has much to fetch, must not take
//! all the places.

use std::collections::HashMap;

use tokio::task::{Id, JoinSet};

use crate::model::Name;

/// Rounds under way.
pub(super) struct Flights {
    running: JoinSet<()>,
    tenants: HashMap<Id, Name>,
    places: usize,
}

impl Flights {
    /// For so many at once.
    pub(super) fn new(places: usize) -> Self {
        Self { running: JoinSet::new(), tenants: HashMap::new(), places }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    pub(super) fn are_all_taken(&self) -> bool {
        self.running.len() >= self.places
    }

    /// The tenants among `all` that have as many places as they may have for now.
    pub(super) fn full<'a>(&self, all: impl Iterator<Item = &'a Name> + Clone) -> Vec<Name> {
        let held = |tenant: &Name| self.tenants.values().filter(|name| *name == tenant).count();
        let idle = all.clone().filter(|tenant| held(tenant) == 0).count();
        let free = self.places.saturating_sub(self.running.len());
        let several = all.clone().nth(1).is_some();
        all.filter(|tenant| several && !may_begin(held(tenant), idle, free, self.places)).cloned().collect()
    }

    pub(super) fn begin(&mut self, tenant: Name, flight: impl Future<Output = ()> + Send + 'static) {
        let id = self.running.spawn(flight).id();
        self.tenants.insert(id, tenant);
    }

    /// Waits until one is over.
    pub(super) async fn landed(&mut self) {
        let Some(landed) = self.running.join_next_with_id().await else { return };
        let id = match landed {
            Ok((id, ())) => id,
            Err(error) => {
                tracing::error!(%error, "A round ended unexpectedly; its claim runs out by itself");
                error.id()
            }
        };
        self.tenants.remove(&id);
    }
}

/// Whether a tenant that holds so many places may have another: the first one always, and more as long as it has less
/// than half of all, and one is left for each tenant that has none.
const fn may_begin(held: usize, idle: usize, free: usize, places: usize) -> bool {
    held == 0 || (held < places.div_ceil(2) && free > idle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_takes_half_of_the_places_at_most_and_leaves_one_for_each_that_has_none() {
        for (held, idle, free, places, may) in [
            (0, 3, 1, 16, true),
            (7, 1, 9, 16, true),
            (8, 1, 8, 16, false),
            (3, 2, 3, 16, true),
            (3, 3, 3, 16, false),
            (0, 0, 1, 1, true),
            (1, 1, 1, 2, false),
        ] {
            assert_eq!(may_begin(held, idle, free, places), may, "{held} {idle} {free} {places}");
        }
    }

    #[tokio::test]
    async fn places_are_counted_by_tenant_and_given_back() {
        let [a, b] = ["a", "b"].map(|name| name.parse::<Name>().unwrap());
        let mut flights = Flights::new(4);
        let (end, ended) = tokio::sync::watch::channel(());
        for _ in 0..2 {
            let mut ended = ended.clone();
            flights.begin(a.clone(), async move {
                let _ = ended.changed().await;
            });
        }
        assert_eq!(flights.full([&a, &b].into_iter()), std::slice::from_ref(&a));
        assert!(flights.full([&a].into_iter()).is_empty(), "the only one may have all");
        end.send(()).unwrap();
        flights.landed().await;
        assert!(flights.full([&a, &b].into_iter()).is_empty());
        flights.landed().await;
        assert!(flights.is_empty());
    }
}
