//! Works off what is due, tenant by tenant: the renewals of a tenant go together, and one that is slow or dead keeps
//! nobody else waiting.

use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use futures_util::stream;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

use super::plan::{self, Step};
use super::prolong::{Answer, Renewal};
use super::{BEGIN, BETWEEN_RENEWALS, GROUP, LEASE, Renewer, STEPS, TENANTS};
use crate::model::{Name, Subscription, SubscriptionId};
use crate::store::StoreError;
use crate::tasks::{self, STORE_RETRY, Task};

/// The groups that are under way, one for each tenant at most.
#[derive(Default)]
struct Groups {
    running: JoinSet<()>,
    tenants: HashMap<Id, Name>,
}

/// A claimed subscription, and the answer to its renewal if that was asked for already.
struct Work {
    subscription: Subscription,
    answered: Option<Box<(Renewal, Answer)>>,
}

/// Up to when the steps of a group may begin.
struct Until<'a> {
    time: DateTime<Utc>,
    stop: &'a CancellationToken,
}

impl Groups {
    fn busy(&self) -> Vec<Name> {
        self.tenants.values().cloned().collect()
    }

    /// Waits until one is over.
    async fn landed(&mut self) {
        let Some(ended) = self.running.join_next_with_id().await else { return };
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                tracing::error!(%error, "Steps ended unexpectedly; their claims run out by themselves");
                error.id()
            }
        };
        self.tenants.remove(&id);
    }
}

#[async_trait]
impl Task for Renewer {
    /// Takes the next step of every subscription that is due, and of those that become due meanwhile.
    async fn work_off(&self, stop: &CancellationToken) -> Option<DateTime<Utc>> {
        if let Err(error) = self.keyring.retire().await {
            tracing::warn!(%error, "Cannot look for certificates that nothing uses any more");
        }
        let mut groups = Groups::default();
        loop {
            let next = self.look(&mut groups, stop).await;
            if groups.running.is_empty() {
                return next;
            }
            // A tenant may be slow for minutes; what becomes due in others meanwhile must not wait for that.
            let next = tasks::pause(&self.clock, next);
            tokio::select! {
                () = groups.landed() => {}
                () = self.wake.raised(), if !stop.is_cancelled() => {}
                () = self.clock.sleep_until(next), if !stop.is_cancelled() => {}
            }
        }
    }
}

impl Renewer {
    /// Begins what is due, and says when to look again.
    async fn look(&self, groups: &mut Groups, stop: &CancellationToken) -> Option<DateTime<Utc>> {
        if let Err(error) = self.launch(groups, stop).await {
            if self.outage.begins() {
                tracing::warn!(%error, "Cannot look for subscriptions that are due; trying again until it works");
            }
            return Some(self.clock.now() + STORE_RETRY);
        }
        if self.outage.ends() {
            tracing::info!("Subscriptions that are due are found again");
        }
        self.store.next_due(&groups.busy()).await.ok().flatten()
    }

    async fn launch(&self, groups: &mut Groups, stop: &CancellationToken) -> Result<(), StoreError> {
        while groups.running.len() < TENANTS && !stop.is_cancelled() {
            let due = self.store.claim_due(&groups.busy(), self.clock.now(), LEASE, GROUP).await?;
            let Some(tenant) = due.first().map(|first| first.wish.tenant.clone()) else { break };
            let (renewer, stop) = (self.clone(), stop.clone());
            let group = groups.running.spawn(async move { renewer.settle_all(due, &stop).await });
            groups.tenants.insert(group.id(), tenant);
        }
        Ok(())
    }

    /// Takes the next steps of claimed subscriptions of one tenant.
    async fn settle_all(&self, due: Vec<Subscription>, stop: &CancellationToken) {
        let begun = self.clock.now();
        let until = Until { time: begun + BEGIN, stop };
        let (renewals, others): (Vec<_>, Vec<_>) =
            due.into_iter().partition(|one| plan::plan(one, begun) == Step::Renew);
        let mut work = self.renew_all(renewals).await;
        let renewed = work.len();
        work.extend(others.into_iter().map(|subscription| Work { subscription, answered: None }));
        let steps = stream::iter(work).map(|work| self.settle_in_time(work, &until));
        let left: Vec<Option<SubscriptionId>> = steps.buffer_unordered(STEPS).collect().await;
        let left: Vec<SubscriptionId> = left.into_iter().flatten().collect();
        if let Err(error) = self.store.put_back(&left).await {
            tracing::warn!(%error, "The store does not take part; claims run out by themselves");
        }
        if renewed > 1 {
            let rested = BETWEEN_RENEWALS * u32::try_from(renewed).unwrap_or(u32::MAX);
            tokio::select! {
                () = self.clock.sleep_until(begun + rested) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Asks for renewals of one tenant together.
    async fn renew_all(&self, due: Vec<Subscription>) -> Vec<Work> {
        let mut asked = Vec::new();
        for subscription in due {
            let Some(remote) = &subscription.remote else { continue };
            match self.renewal(&subscription, remote).await {
                Ok(renewal) => asked.push((subscription, renewal)),
                Err(error) => self.finish_or_tell(&subscription, Err(error)).await,
            }
        }
        let Some(tenant) = asked.first().map(|(first, _)| first.wish.tenant.clone()) else {
            return Vec::new();
        };
        let renewals: Vec<&Renewal> = asked.iter().map(|(_, renewal)| renewal).collect();
        let answers = self.ask_all(&tenant, &renewals).await;
        let work = asked.into_iter().zip(answers).map(|((subscription, renewal), answer)| Work {
            subscription,
            answered: Some(Box::new((renewal, answer))),
        });
        work.collect()
    }

    /// Takes a step, or answers with whose claim is to be given back since it is too late to begin. What was renewed is
    /// kept in any case.
    async fn settle_in_time(&self, work: Work, until: &Until<'_>) -> Option<SubscriptionId> {
        let Work { subscription, answered } = work;
        let is_renewed = answered.as_ref().is_some_and(|answered| answered.1.is_ok());
        if !is_renewed && (until.stop.is_cancelled() || self.clock.now() > until.time) {
            return Some(subscription.id);
        }
        let done = match answered {
            Some(answered) => {
                let (renewal, answer) = *answered;
                self.within(Box::pin(self.answered(&subscription, renewal, answer))).await
            }
            None => self.step(&subscription, plan::plan(&subscription, self.clock.now())).await,
        };
        self.finish_or_tell(&subscription, done).await;
        None
    }
}
