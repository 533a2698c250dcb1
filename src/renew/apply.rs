//! Makes configuration, store and Office 365 agree: looks at all three, plans, and does what the plan says.

use std::collections::BTreeMap;
use std::future::pending;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::plan::{self, Known, Lists, Look, Measure, Plan, Step, Todo};
use super::{LEASE, Removal, Renewer, STEPS};
use crate::model::{Name, Subscription, SubscriptionId, Trouble, Via, Wish};
use crate::office365::{Failure, Verdict};
use crate::store::{NewSubscription, NewWish, Registered, Rewished, StoreError};

/// How often it is tried where somebody else is at it, and the time between.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);

/// A measure, and what became of it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "AppliedMeasure")]
pub struct Applied {
    /// What was to be done.
    #[serde(flatten)]
    pub measure: Measure,
    /// How that went.
    pub result: Outcome,
    /// Why not, where it did not work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Trouble>,
}

/// How a measure went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is done.
    Done,
    /// Somebody else is at it; the renewal loop goes on with it.
    Later,
    /// It did not work; `error` says why and when it is tried again.
    Failed,
}

impl Renewer {
    /// What would have to be done so that Office 365 and the store agree with what the configuration names; none: as
    /// many as may be are looking already, each of whom waits for the few lists that Office 365 allows.
    ///
    /// # Errors
    /// [`StoreError`]; a tenant that does not answer is part of the plan.
    pub async fn plan(&self, configured: &[Wish]) -> Result<Option<Plan>, StoreError> {
        let Ok(_place) = self.planning.try_acquire() else { return Ok(None) };
        self.compare(configured).await.map(Some)
    }

    async fn compare(&self, configured: &[Wish]) -> Result<Plan, StoreError> {
        let now = self.clock.now();
        let lists = self.lists(now).await;
        // After the lists: what is created meanwhile is in neither or in the store, and so never looks like an orphan.
        let stored = self.store.subscriptions().await?;
        let known: Vec<_> = stored.into_iter().map(|it| self.known(it, now)).collect();
        let known: Vec<_> = stream::iter(known).buffered(STEPS).collect().await;
        Ok(plan::whole(configured, &known, &lists, &self.notification_url, now))
    }

    /// Plans, and does it. The answer holds all measures, tenant by tenant; none: somebody is applying already.
    ///
    /// # Errors
    /// [`StoreError`] while planning; later ones are told with their measure.
    pub async fn apply(&self, configured: &[Wish]) -> Result<Option<(Plan, Vec<Applied>)>, StoreError> {
        let Ok(_one_at_a_time) = self.applying.try_lock() else { return Ok(None) };
        let mut plan = self.compare(configured).await?;
        let changes = std::mem::take(&mut plan.changes);
        // What goes makes room for what comes.
        let (first, then): (Vec<_>, Vec<_>) =
            changes.into_iter().partition(|change| change.todo.makes_room());
        let mut applied = self.do_all(first).await;
        applied.extend(self.do_all(then).await);
        // What was not reached, or not done by hand, is done by the loop.
        self.wake.raise();
        Ok(Some((plan, applied)))
    }

    /// Does them, each tenant's for itself: one that hangs keeps nobody else waiting.
    async fn do_all(&self, measures: Vec<Measure>) -> Vec<Applied> {
        let mut tenants: BTreeMap<Name, Vec<Measure>> = BTreeMap::new();
        for measure in measures {
            tenants.entry(measure.tenant.clone()).or_default().push(measure);
        }
        let done = tenants.into_values().map(|measures| {
            let steps = stream::iter(measures).map(|measure| self.apply_one(measure));
            steps.buffered(STEPS).collect::<Vec<_>>()
        });
        join_all(done).await.into_iter().flatten().collect()
    }

    /// What each tenant holds.
    async fn lists(&self, now: DateTime<Utc>) -> Lists {
        let lists = self.office365.tenants().map(|(name, tenant)| async move {
            (
                name.clone(),
                tenant.list(&CancellationToken::new()).await.map_err(|failure| once(&failure, now)),
            )
        });
        join_all(lists).await.into_iter().collect()
    }

    async fn known(&self, subscription: Subscription, now: DateTime<Utc>) -> Known {
        let tenant = self.office365.tenant(&subscription.wish.tenant);
        let combination =
            tenant.zip(subscription.target.as_ref()).and_then(|(tenant, target)| tenant.combination(target));
        let look = self.look_at(&subscription, now).await;
        Known { subscription, combination, look }
    }

    /// SharePoint's lists of what it holds are not for every app to read, so that it is asked for each by itself.
    async fn look_at(&self, subscription: &Subscription, now: DateTime<Utc>) -> Look {
        let tenant = self.office365.tenant(&subscription.wish.tenant);
        match (tenant, &subscription.target, &subscription.remote) {
            (Some(tenant), Some(target), Some(remote)) if target.via() == Via::SharePoint => {
                match tenant.find(target, &remote.id).await {
                    Ok(found) => Look::Itself(found),
                    Err(failure) => Look::Failed(once(&failure, now)),
                }
            }
            (_, Some(target), _) if target.via() == Via::SharePoint => Look::Itself(None),
            _ => Look::List,
        }
    }

    async fn apply_one(&self, measure: Measure) -> Applied {
        let (result, error) = match self.carry_out_in_time(&measure).await {
            Ok(Some(trouble)) => (Outcome::Failed, Some(trouble)),
            Ok(None) => (Outcome::Done, None),
            Err(Undone::Busy) => (Outcome::Later, None),
            Err(Undone::Failed(failure)) => (Outcome::Failed, Some(once(&failure, self.clock.now()))),
        };
        let failure = error.as_ref().map(|error| error.code.as_str());
        tracing::info!(action = ?measure.action, subscription = measure.subscription.as_ref().map(Name::as_str),
            remote_id = measure.remote_id.as_ref().map(|id| id.0.as_str()), ?result, failure, "A measure was taken");
        Applied { measure, result, error }
    }

    /// Does one. Whoever is at the same subscription, as after each start, is mostly done soon; and what the configuration says
    /// nobody else would take over later.
    async fn carry_out_in_time(&self, measure: &Measure) -> Result<Option<Trouble>, Undone> {
        let mut tries = 1;
        loop {
            match self.carry_out(measure).await {
                Err(Undone::Busy) if tries < TRIES && measure.todo.follows_in().is_some() => tries += 1,
                done => return done,
            }
            // In real time: it is somebody's request that is waited for.
            let _ = self.clock.timeout(PAUSE, pending::<()>()).await;
        }
    }

    /// Does one; `Some` is what went wrong and is tried again by itself.
    async fn carry_out(&self, measure: &Measure) -> Result<Option<Trouble>, Undone> {
        match &measure.todo {
            Todo::Nothing => Ok(None),
            Todo::Add(wish) => self.follow(wish).await,
            Todo::Exchange(wish) => match self.drop_out(&wish.name).await? {
                Some(trouble) => Ok(Some(trouble)),
                None => self.follow(wish).await,
            },
            Todo::Update(id, new) => self.rewish(*id, new).await,
            // What is due is worked off by the loop already, many at once.
            Todo::Settle(_, Step::Renew) => Err(Undone::Busy),
            Todo::Settle(id, step) => self.take_up(*id, *step).await,
            Todo::Remove(name) => self.drop_out(name).await,
            Todo::Forget(id) => Ok(self.store.forget(*id).await.map(|()| None)?),
            Todo::DeleteOrphan(remote) => {
                let tenant = self.tenant(&measure.tenant)?;
                Ok(tenant.delete(None, remote).await.map(|()| None)?)
            }
        }
    }

    async fn follow(&self, wish: &Wish) -> Result<Option<Trouble>, Undone> {
        let id = SubscriptionId(Uuid::now_v7());
        let (now, lease) = (self.clock.now(), Some(LEASE));
        match self
            .store
            .register(NewSubscription { id, wish: wish.clone(), target: None, now, lease })
            .await?
        {
            Registered::Done => {
                let claimed = self.store.subscription(&wish.name).await?.ok_or(Undone::Busy)?;
                Ok(self.take(&claimed, Step::Create).await?)
            }
            Registered::NameTaken => Err(Undone::Busy),
            Registered::FollowedBy(other) => Err(already_followed(&other).into()),
        }
    }

    /// Removes it here and at Office 365, without a trace of the name.
    async fn drop_out(&self, name: &Name) -> Result<Option<Trouble>, Undone> {
        match self.remove(name).await? {
            Removal::Later(None) => return Err(Undone::Busy),
            Removal::Later(trouble) => return Ok(trouble),
            Removal::Done | Removal::NotFound => {}
        }
        if let Some(trace) = self.store.subscription(name).await? {
            self.store.forget(trace.id).await?;
        }
        Ok(None)
    }

    async fn rewish(&self, id: SubscriptionId, new: &NewWish) -> Result<Option<Trouble>, Undone> {
        match self.store.rewish(id, new.clone(), self.clock.now()).await? {
            Rewished::Done => {}
            Rewished::Busy => return Err(Undone::Busy),
            Rewished::FollowedBy(other) => return Err(already_followed(&other).into()),
        }
        if new.resync {
            self.fetch.raise();
        }
        let claimed = self.store.claim_one(id, self.clock.now(), LEASE).await?.ok_or(Undone::Busy)?;
        self.settle(&claimed).await
    }

    /// Takes whatever step there is to take; what could not be made before is not "done" by being wished otherwise.
    async fn settle(&self, claimed: &Subscription) -> Result<Option<Trouble>, Undone> {
        match plan::plan(claimed, self.clock.now()) {
            Step::Verify => Ok(self.store.put_back(&[claimed.id]).await.map(|()| None)?),
            step => Ok(self.take(claimed, step).await?),
        }
    }

    async fn take_up(&self, id: SubscriptionId, step: Step) -> Result<Option<Trouble>, Undone> {
        let claimed = self.store.claim_one(id, self.clock.now(), LEASE).await?.ok_or(Undone::Busy)?;
        Ok(self.take(&claimed, step).await?)
    }
}

/// Why a measure was not carried out.
#[derive(Debug)]
enum Undone {
    /// Somebody else is at it.
    Busy,
    /// It did not work.
    Failed(Failure),
}

impl From<Failure> for Undone {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<StoreError> for Undone {
    fn from(error: StoreError) -> Self {
        Self::Failed(Failure::local(Verdict::Transient, "store", error.to_string()))
    }
}

/// What nobody tries again by itself.
fn once(failure: &Failure, now: DateTime<Utc>) -> Trouble {
    Trouble { next_attempt_at: None, ..failure.trouble(1, now, 0.0) }
}

/// Somebody follows the same resource.
pub(super) fn already_followed(other: &Name) -> Failure {
    let message = format!("subscription '{other}' follows that already: remove one of the two");
    Failure::local(Verdict::Rejected, "followedAlready", message)
}
