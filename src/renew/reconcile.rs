//! Looks, at each start and every hour, whether Office 365 still holds what the store says that it holds: a remote
//! subscription can vanish without a word. One list a tenant tells of all of them.
//!
//! What SharePoint holds is in no list that a usual app may read: each is asked for by its id, at each start and every day,
//! and that nothing announces its end is all the more reason.
//!
//! Guarantees: what the list does not show is asked for by its id before it is made anew; what notifies another address
//! (the public URL has changed) is replaced; nothing that the store does not know is ever touched, only counted in the log.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use super::Renewer;
use super::plan::{Held, Ids, SETTLES, is_ours};
use crate::backoff::{HOPELESS, REQUESTS, Schedule};
use crate::model::{Name, Via};
use crate::office365::{RemoteSubscription, Tenant};
use crate::store::{Holding, Sight, Sighting, StoreError};
use crate::tasks::{STORE_RETRY, Task};

/// Between two looks; Microsoft advises one at the start and then one an hour.
const PERIOD: TimeDelta = TimeDelta::hours(1);
/// What a first look does not know may be what is just being created anew: that is over by then.
const CREATED: TimeDelta = TimeDelta::minutes(10);
/// Between two looks at what is in no list.
const DAY: TimeDelta = TimeDelta::days(1);
/// How many are read and written in one step: memory stays small, and acknowledgements do not wait.
const CHUNK: usize = 500;

/// The task that looks. One for all tenants; each has a time of its own.
pub struct Reconciler {
    renewer: Renewer,
    started_at: DateTime<Utc>,
    next: Mutex<HashMap<Name, Next>>,
    /// When those that are in no list are looked at next.
    unlisted: Mutex<HashMap<Name, DateTime<Utc>>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Next {
    at: DateTime<Utc>,
    failures: u32,
}

#[async_trait]
impl Task for Reconciler {
    async fn work_off(&self, stop: &CancellationToken) -> Option<DateTime<Utc>> {
        let due = self.renewer.office365.tenants().filter(|(name, _)| self.next(name).at <= self.now());
        join_all(due.map(|(name, tenant)| self.look(name, tenant, stop))).await;
        for (name, _) in
            self.renewer.office365.tenants().filter(|(name, _)| self.unlisted_at(name) <= self.now())
        {
            self.look_at_unlisted(name).await;
        }
        let next = |(name, _)| self.next(name).at.min(self.unlisted_at(name));
        self.renewer.office365.tenants().map(next).min()
    }
}

impl Reconciler {
    /// For this renewer.
    pub fn new(renewer: Renewer) -> Self {
        let started_at = renewer.clock.now();
        Self { renewer, started_at, next: Mutex::default(), unlisted: Mutex::default() }
    }

    fn now(&self) -> DateTime<Utc> {
        self.renewer.clock.now()
    }

    /// What was confirmed before then Office 365 must show to whoever asks at `asked_at`: what an earlier process knows may be
    /// long gone, however new it is.
    fn settled(&self, asked_at: DateTime<Utc>) -> DateTime<Utc> {
        self.started_at.max(asked_at - SETTLES)
    }

    fn next(&self, tenant: &Name) -> Next {
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        next.get(tenant).copied().unwrap_or_default()
    }

    fn unlisted_at(&self, tenant: &Name) -> DateTime<Utc> {
        let unlisted = self.unlisted.lock().unwrap_or_else(PoisonError::into_inner);
        unlisted.get(tenant).copied().unwrap_or_default()
    }

    /// Makes due that what SharePoint holds is looked at, one by one.
    async fn look_at_unlisted(&self, tenant: &Name) {
        let now = self.now();
        let next = match self.doubt(tenant, now).await {
            Ok(doubted) => {
                tracing::debug!(%tenant, doubted, "What SharePoint holds is asked for, one by one");
                now + DAY
            }
            Err(error) => {
                tracing::warn!(%tenant, %error, "Cannot read what SharePoint holds; trying again");
                now + STORE_RETRY
            }
        };
        self.unlisted.lock().unwrap_or_else(PoisonError::into_inner).insert(tenant.clone(), next);
    }

    /// How many were confirmed too long ago to be believed.
    async fn doubt(&self, tenant: &Name, now: DateTime<Utc>) -> Result<usize, StoreError> {
        let (mut after, mut doubted) = (None, 0);
        loop {
            let store = &self.renewer.store;
            let holdings = store.holdings(tenant, Via::SharePoint, after, CHUNK).await?;
            let Some(end) = holdings.last() else { break };
            after = Some(end.id);
            let old = holdings.iter().filter(|holding| holding.confirmed_at < self.settled(now));
            let missing = |holding: &Holding| Sighting {
                id: holding.id,
                remote: holding.remote.clone(),
                found: Sight::Missing,
            };
            let sightings: Vec<Sighting> = old.map(missing).collect();
            doubted += sightings.len();
            store.sighted(sightings, now).await?;
        }
        if doubted > 0 {
            self.renewer.wake.raise();
        }
        Ok(doubted)
    }

    fn looked(&self, tenant: &Name) -> bool {
        self.next.lock().unwrap_or_else(PoisonError::into_inner).contains_key(tenant)
    }

    async fn look(&self, name: &Name, tenant: &Tenant, stop: &CancellationToken) {
        let (asked_at, first) = (self.now(), !self.looked(name));
        let next = match tenant.list(stop).await {
            Ok(list) => match self.compare(name, &list, asked_at, first).await {
                Ok(after) => Next { at: asked_at + after, failures: 0 },
                Err(error) => {
                    tracing::warn!(tenant = %name, %error, "Cannot compare the store with what Office 365 holds; trying again");
                    self.again(name, REQUESTS, None)
                }
            },
            Err(_) if stop.is_cancelled() => return,
            Err(failure) => {
                tracing::warn!(tenant = %name, code = failure.code, error = %failure,
                    "Office 365 does not tell which subscriptions it holds; trying again");
                let schedule = if failure.is_transient() { REQUESTS } else { HOPELESS };
                self.again(name, schedule, failure.retry_after())
            }
        };
        self.next.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), next);
    }

    fn again(&self, tenant: &Name, schedule: Schedule, asked: Option<Duration>) -> Next {
        let failures = self.next(tenant).failures.saturating_add(1);
        Next { at: self.now() + schedule.delay(failures, asked, rand::random()), failures }
    }

    async fn compare(
        &self,
        tenant: &Name,
        list: &[RemoteSubscription],
        asked_at: DateTime<Utc>,
        first: bool,
    ) -> Result<TimeDelta, StoreError> {
        let (held, mut found) = (Held::new(list), Found::default());
        let (mut after, mut due) = (None, false);
        loop {
            let holdings = self.renewer.store.holdings(tenant, Via::Graph, after, CHUNK).await?;
            let Some(end) = holdings.last() else { break };
            after = Some(end.id);
            let mut sightings = Vec::new();
            for holding in &holdings {
                let url = &self.renewer.notification_url;
                let sight = held.sight(&holding.remote, holding.confirmed_at, url, self.settled(asked_at));
                sightings.extend(found.note(holding, sight));
            }
            due |= !sightings.is_empty();
            self.renewer.store.sighted(sightings, self.now()).await?;
        }
        self.renewer.metrics.verified(found.verified);
        if due {
            self.renewer.wake.raise();
        }
        let orphans = self.orphans(list, &found);
        tracing::info!(%tenant, held = list.len(), missing = found.missing, elsewhere = found.elsewhere, orphans,
            "Compared with what Office 365 holds");
        if orphans > 0 && !first {
            tracing::warn!(%tenant, orphans,
                "Office 365 notifies this listener of what it does not follow: `subscriptions plan` shows it, `subscriptions apply` deletes it");
        }
        Ok(if found.unsure {
            SETTLES * 2
        } else if first && orphans > 0 {
            CREATED
        } else {
            PERIOD
        })
    }

    /// How many notify us and are not known.
    fn orphans(&self, list: &[RemoteSubscription], found: &Found) -> usize {
        let ours = list.iter().filter(|one| is_ours(one, &self.renewer.notification_url));
        ours.filter(|one| !found.known.contains(&one.id)).count()
    }
}

/// What a look has found.
#[derive(Default)]
struct Found {
    known: Ids,
    verified: u64,
    missing: u64,
    elsewhere: u64,
    /// Something was too new for this list.
    unsure: bool,
}

impl Found {
    /// Counts one; what of it is worth writing down.
    fn note(&mut self, holding: &Holding, sight: Option<Sight>) -> Option<Sighting> {
        self.known.insert(&holding.remote);
        let Some(found) = sight else {
            self.unsure = true;
            return None;
        };
        match found {
            Sight::Held(_) => self.verified += 1,
            Sight::Missing => self.missing += 1,
            Sight::Elsewhere => self.elsewhere += 1,
        }
        let news = found != Sight::Held(holding.expires_at);
        news.then(|| Sighting { id: holding.id, remote: holding.remote.clone(), found })
    }
}
