//! Works off what is due, tenant by tenant: one that is slow or dead keeps nobody else waiting.
//!
//! Within a tenant there are two lanes. Renewals go together, by few requests. The rest (creations, removals, and what a
//! renewal turns out to need) goes by itself, since creating waits for two handshakes with our own endpoint: while that
//! cannot be reached, thousands of creations may hang for hours, and what is held must not run out behind them. So the
//! lane of renewals makes nothing: it hands over what is not to be renewed, and gives back what is lost.

use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use futures_util::future::ready;
use futures_util::stream;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

use super::plan::{self, Step};
use super::prolong::{Answer, Prolonged, Renewal};
use super::{BEGIN, BETWEEN_RENEWALS, GROUP, LEASE, Renewer, STEPS, TENANTS};
use crate::model::{Name, Subscription, SubscriptionId};
use crate::office365::Failure;
use crate::store::{Lane, StoreError};
use crate::tasks::{self, STORE_RETRY, Task};

/// The groups that are under way, one for each tenant and lane at most.
#[derive(Default)]
struct Groups {
    running: JoinSet<()>,
    places: HashMap<Id, (Lane, Name)>,
}

/// A claimed subscription, and the answer to its renewal.
struct Asked {
    subscription: Subscription,
    renewal: Renewal,
    answer: Answer,
}

/// Up to when the steps of a group may begin.
struct Until<'a> {
    time: DateTime<Utc>,
    stop: &'a CancellationToken,
}

impl Groups {
    /// The tenants that have a group in this lane.
    fn busy(&self, lane: Lane) -> Vec<Name> {
        self.places.values().filter(|(of, _)| *of == lane).map(|(_, tenant)| tenant.clone()).collect()
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
        self.places.remove(&id);
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
        let mut next = None;
        for lane in [Lane::Renewals, Lane::Others] {
            match self.launch(lane, groups, stop).await {
                Ok(due) => next = next.into_iter().chain(due).min(),
                Err(error) => {
                    if self.outage.begins() {
                        tracing::warn!(%error, "Cannot look for subscriptions that are due; trying again until it works");
                    }
                    return Some(self.clock.now() + STORE_RETRY);
                }
            }
        }
        if self.outage.ends() {
            tracing::info!("Subscriptions that are due are found again");
        }
        next
    }

    /// Begins what is due in a lane; when the next is, if there is room for it.
    async fn launch(
        &self,
        lane: Lane,
        groups: &mut Groups,
        stop: &CancellationToken,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        loop {
            let busy = groups.busy(lane);
            if busy.len() >= TENANTS {
                return Ok(None);
            }
            let mut due = Vec::new();
            if !stop.is_cancelled() {
                due = self.store.claim_due(lane, &busy, self.clock.now(), LEASE, GROUP).await?;
            }
            let Some(tenant) = due.first().map(|first| first.wish.tenant.clone()) else {
                return self.store.next_due(lane, &busy).await;
            };
            let (renewer, stop) = (self.clone(), stop.clone());
            let group = groups.running.spawn(async move { renewer.settle_all(lane, due, &stop).await });
            groups.places.insert(group.id(), (lane, tenant));
        }
    }

    /// Takes the next steps of claimed subscriptions of one tenant and lane.
    async fn settle_all(&self, lane: Lane, due: Vec<Subscription>, stop: &CancellationToken) {
        let until = Until { time: self.clock.now() + BEGIN, stop };
        let left = match lane {
            Lane::Renewals => self.renew_due(due, &until).await,
            Lane::Others => {
                let steps = stream::iter(due).map(|subscription| self.settle_in_time(subscription, &until));
                steps.buffer_unordered(STEPS).filter_map(ready).collect().await
            }
        };
        Self::note(self.store.put_back(&left).await);
    }

    /// Renews what is to be renewed, and hands over the rest. What was not done is given back.
    async fn renew_due(&self, due: Vec<Subscription>, until: &Until<'_>) -> Vec<SubscriptionId> {
        let begun = self.clock.now();
        let (renewals, others): (Vec<_>, Vec<_>) =
            due.into_iter().partition(|one| plan::plan(one, begun) == Step::Renew);
        let others: Vec<SubscriptionId> = others.iter().map(|one| one.id).collect();
        if !others.is_empty() {
            Self::note(self.store.hand_over(&others).await);
            self.wake.raise();
        }
        let asked = self.renew_all(renewals).await;
        let renewed = asked.len();
        let steps = stream::iter(asked).map(|asked| self.answer_in_time(asked, until));
        let left = steps.buffer_unordered(STEPS).filter_map(ready).collect().await;
        if renewed > 1 {
            let rested = BETWEEN_RENEWALS * u32::try_from(renewed).unwrap_or(u32::MAX);
            tokio::select! {
                () = self.clock.sleep_until(begun + rested) => {}
                () = until.stop.cancelled() => {}
            }
        }
        left
    }

    /// Asks for renewals of one tenant together.
    async fn renew_all(&self, due: Vec<Subscription>) -> Vec<Asked> {
        let mut asked = Vec::new();
        for subscription in due {
            let Some(remote) = &subscription.remote else { continue };
            match self.within(Box::pin(self.renewal(&subscription, remote))).await {
                Ok(renewal) => asked.push((subscription, renewal)),
                Err(error) => self.finish_or_tell(&subscription, Err(error)).await,
            }
        }
        let Some(tenant) = asked.first().map(|(first, _)| first.wish.tenant.clone()) else {
            return Vec::new();
        };
        let renewals: Vec<&Renewal> = asked.iter().map(|(_, renewal)| renewal).collect();
        let answers = tasks::whole(self.ask_all(&tenant, &renewals)).await;
        let broken = || renewals.iter().map(|_| Err(Failure::broken_off("the renewal"))).collect();
        let answers = answers.unwrap_or_else(broken);
        let asked = asked.into_iter().zip(answers);
        asked.map(|((subscription, renewal), answer)| Asked { subscription, renewal, answer }).collect()
    }

    /// Follows up the answer to a renewal, or answers with whose claim is to be given back: it is too late to begin, or has
    /// to be made anew. What was renewed is kept in any case.
    async fn answer_in_time(&self, asked: Asked, until: &Until<'_>) -> Option<SubscriptionId> {
        let Asked { subscription, renewal, answer } = asked;
        if answer.is_err() && self.is_late(until) {
            return Some(subscription.id);
        }
        let done = match self.within(Box::pin(self.answered(&subscription, renewal, answer))).await {
            Ok(Prolonged::Renewed) => Ok("renewed"),
            Ok(Prolonged::Lost) => {
                tracing::info!(subscription = %subscription.wish.name, "The remote subscription is gone; it is made anew");
                Self::note(self.store.lost(subscription.id).await);
                return Some(subscription.id);
            }
            Err(error) => Err(error),
        };
        self.finish_or_tell(&subscription, done).await;
        None
    }

    /// Takes a step, or answers with whose claim is to be given back since it is too late to begin.
    async fn settle_in_time(&self, subscription: Subscription, until: &Until<'_>) -> Option<SubscriptionId> {
        if self.is_late(until) {
            return Some(subscription.id);
        }
        let done = self.step(&subscription, plan::plan(&subscription, self.clock.now())).await;
        self.finish_or_tell(&subscription, done).await;
        None
    }

    fn is_late(&self, until: &Until<'_>) -> bool {
        until.stop.is_cancelled() || self.clock.now() > until.time
    }

    /// What is given back and could not be noted is claimed again when the lease has run out.
    fn note(noted: Result<(), StoreError>) {
        if let Err(error) = noted {
            tracing::warn!(%error, "The store does not take part; claims run out by themselves");
        }
    }
}
