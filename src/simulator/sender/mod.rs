//! The notification sender.
//!
//! Guarantees what Office 365 does, and no more: a change is announced at least once to each matching
//! subscription while its endpoint answers within four hours (Graph) or five attempts (SharePoint's own webhooks). Notifications can be late, doubled, out of order
//! or lost, as set under `/_control`; what is pending for one address goes out in one POST.

mod bodies;
mod endpoint;
mod ledger;
mod outbox;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) use bodies::lifecycle_notification;
pub(crate) use endpoint::Endpoint;
pub(crate) use ledger::{Ended, Ledger};
pub(crate) use outbox::{Batch, Behaviour, Outbox};

use endpoint::Caller;
use ledger::Sent;

use super::control;
use super::graph::subscriptions::{Subscription, Target};
use super::rich;
use super::server::Shared;
use super::world::World;

/// Something that subscriptions may want to hear of.
#[derive(Debug)]
pub(crate) enum Happened {
    /// An item of a list, or of the drive behind it.
    InList(Uuid),
    InMailbox {
        user: Uuid,
        folder: u64,
        message: u64,
        change: MailChange,
    },
}

/// What happened to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MailChange {
    Created,
    Updated,
    Deleted,
    /// It came from this folder.
    Moved {
        from: u64,
    },
}

impl World {
    /// Puts a notification into the outbox for every subscription that this concerns.
    pub(crate) fn ring(&mut self, happened: &Happened) {
        let now = self.clock.now();
        let concerned: Vec<(Subscription, Value)> = self
            .subscriptions
            .values()
            .filter(|subscription| subscription.expires > now)
            .filter_map(|subscription| {
                Some((subscription.clone(), self.notification(subscription, happened)?))
            })
            .collect();
        for (subscription, mut body) in concerned {
            let id = self.random.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 16);
            if let Some(object) = body.as_object_mut() {
                object.insert("id".to_owned(), Value::from(id));
            }
            if let Some((change_type, message)) = told_of(&body, happened) {
                rich::attach(self, &subscription, (&change_type, message), &mut body);
            }
            let travel = control::travel(self, &subscription);
            let to = Endpoint::of_graph(&subscription.notification_url);
            self.send_off(&to, subscription.id, &body, travel);
        }
        if let Happened::InList(list) = happened {
            self.ring_webhooks(*list);
        }
    }

    /// The same for SharePoint's own subscriptions to a list.
    fn ring_webhooks(&mut self, list: Uuid) {
        let now = self.clock.now();
        let alive = self.webhooks.values().filter(|one| one.list == list && one.expires > now);
        let told: Vec<_> = alive.map(|one| (one.clone(), bodies::of_site(self, one))).collect();
        for (webhook, body) in told {
            let travel = control::travel_of_webhook(self, &webhook);
            self.send_off(&webhook.endpoint(), webhook.id, &body, travel);
        }
    }

    /// Puts a notification into the outbox: as its travel says, or else as is set.
    fn send_off(&mut self, to: &Endpoint, of: Uuid, body: &Value, travel: Option<Vec<TimeDelta>>) {
        let now = self.clock.now();
        let sent = match travel {
            None => self.outbox.push(to, of, body, now, &self.settings.notifications),
            Some(delays) => {
                for delay in &delays {
                    self.outbox.push_at(to, Some(of), body.clone(), now + *delay);
                }
                !delays.is_empty()
            }
        };
        self.ledger.totals.lost += usize::from(!sent);
    }

    fn notification(&self, subscription: &Subscription, happened: &Happened) -> Option<Value> {
        match (&subscription.target, happened) {
            (Target::List(wanted) | Target::Drive(wanted), Happened::InList(list)) => {
                (wanted == list).then(|| bodies::shoulder_tap(self, subscription))
            }
            (
                Target::Messages { user: wanted, folder: scope },
                Happened::InMailbox { user, folder, message, change },
            ) if wanted == user => {
                let (change_type, place) = as_seen_by(*scope, *folder, *change)?;
                let wants = subscription.change_types().any(|wanted| wanted == change_type);
                wants.then(|| bodies::message(self, subscription, change_type, (place, *message)))?
            }
            _ => None,
        }
    }

    /// Ends an attempt: what was not taken is tried again, until it has been tried for too long.
    fn finish(&mut self, Attempted { batch, ended, took }: Attempted) {
        let now = self.clock.now();
        self.outbox.done(&batch.to);
        let given_up = !ended.taken() && batch.to.gives_up(batch.attempt, batch.since, now);
        let sent = Sent {
            at: now,
            url: batch.to.url.clone(),
            service: batch.to.service(),
            notifications: batch.items.len(),
            attempt: batch.attempt,
            ended,
            millis: took.as_millis(),
            given_up,
        };
        self.ledger.write(sent, batch.items.iter().map(|item| item.subscription));
        if ended.taken() {
            return;
        }
        if !given_up {
            self.outbox.retry(batch, now);
            return;
        }
        tracing::warn!(notifications = batch.items.len(), "The simulated tenant gave up on notifications");
        for item in batch.items {
            self.say_missed(item.subscription);
        }
    }

    /// Outlook says on the lifecycle address that it gave up.
    fn say_missed(&mut self, subscription: Uuid) {
        let Some(subscription) = self.subscriptions.get(&subscription).cloned() else { return };
        let mail = matches!(subscription.target, Target::Messages { .. });
        if let (true, Some(url)) = (mail, subscription.lifecycle_url.clone()) {
            let body = lifecycle_notification(self, &subscription, "missed");
            self.outbox.push_at(&Endpoint::of_graph(&url), None, body, self.clock.now());
        }
    }
}

/// The message that a notification is about, and what happened to it there.
fn told_of(body: &Value, happened: &Happened) -> Option<(String, u64)> {
    let Happened::InMailbox { message, .. } = happened else { return None };
    Some((body.get("changeType")?.as_str()?.to_owned(), *message))
}

/// What a change looks like to a subscription on one folder, or on all mail, and the folder it is seen in.
fn as_seen_by(scope: Option<u64>, folder: u64, change: MailChange) -> Option<(&'static str, u64)> {
    match (change, scope) {
        (MailChange::Moved { .. }, None) => Some(("updated", folder)),
        (MailChange::Moved { from }, Some(scope)) if scope == from => Some(("deleted", from)),
        (_, Some(scope)) if scope != folder => None,
        (MailChange::Created | MailChange::Moved { .. }, _) => Some(("created", folder)),
        (MailChange::Updated, _) => Some(("updated", folder)),
        (MailChange::Deleted, _) => Some(("deleted", folder)),
    }
}

/// Sends until it is told to stop.
pub(crate) async fn run(shared: Arc<Shared>, client: reqwest::Client, stop: CancellationToken) {
    let mut in_flight = FuturesUnordered::new();
    loop {
        // Registered before the outbox is looked at, so that no ring falls between.
        let rung = shared.ring.notified();
        let (batches, next) = {
            let mut guard = shared.world();
            let now = shared.clock.now();
            guard.alive_subscriptions(now);
            guard.alive_webhooks(now);
            let World { outbox, subscriptions, webhooks, .. } = &mut *guard;
            outbox.take_due(now, |id| subscriptions.contains_key(&id) || webhooks.contains_key(&id))
        };
        in_flight.extend(batches.into_iter().map(|batch| attempt(&shared, &client, batch)));
        let wait = async {
            match next {
                Some(due) => shared.clock.sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = rung => {}
            Some(attempted) = in_flight.next(), if !in_flight.is_empty() => {
                shared.world().finish(attempted);
            }
            () = wait => {}
        }
    }
}

/// A POST that came to its end.
struct Attempted {
    batch: Batch,
    ended: Ended,
    took: Duration,
}

async fn attempt(shared: &Shared, client: &reqwest::Client, batch: Batch) -> Attempted {
    let limit = batch.to.limit(batch.attempt);
    let values: Vec<&Value> = batch.items.iter().map(|item| &item.body).collect();
    let with_content = values.iter().any(|value| value.get("encryptedContent").is_some());
    let body = if with_content {
        json!({"value": values, "validationTokens": shared.world().validation_tokens()})
    } else {
        json!({ "value": values })
    };
    let mut post = client.post(&batch.to.url).json(&body);
    if let Caller::SharePoint { client_state: Some(state) } = &batch.to.caller {
        post = post.header("ClientState", state);
    }
    let watch = shared.clock.stopwatch();
    let ended = match shared.clock.timeout(limit, post.send()).await {
        Ok(Ok(response)) => Ended::Answered(response.status().as_u16()),
        Ok(Err(_)) => Ended::Unreachable,
        Err(_) => Ended::TimedOut,
    };
    Attempted { batch, ended, took: watch.elapsed() }
}
