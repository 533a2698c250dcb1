//! Sinks and deliveries as callers see them.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use crate::deliver::{Found, Looked};
use crate::model::{Attempt, Connection, Cursor, Delivery, Event, Name, Picks};

/// The JSON form of a sink, in the order of the documentation.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Sink")]
pub(in crate::api) struct View<'a> {
    name: &'a Name,
    r#type: Option<&'static str>,
    state: &'static str,
    /// The group that it was connected for.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    /// What was picked on the Connect page.
    #[serde(skip_serializing_if = "Option::is_none")]
    picks: Option<&'a Picks>,
    position: Cursor,
    lag: u64,
    pending: u64,
    dead_letters: u64,
    delivered: u64,
    last_delivered_at: Option<DateTime<Utc>>,
    lost: u64,
    lost_at: Option<DateTime<Utc>>,
    failure: Option<AttemptView<'a>>,
    /// Since when it takes no events: the last five attempts or more have failed.
    failing_since: Option<DateTime<Utc>>,
    disabled_at: Option<DateTime<Utc>>,
    disabled_reason: Option<&'a str>,
    /// Why nothing can be sent to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    unusable_reason: Option<&'a str>,
    removed_at: Option<DateTime<Utc>>,
}

impl<'a> View<'a> {
    pub fn of(found: &'a Found, connections: &'a [Connection]) -> Self {
        let standing = &found.standing;
        let connection = connections.iter().find(|connection| connection.name == standing.name);
        let disabled = standing.disabled.as_ref();
        Self {
            name: &standing.name,
            r#type: found.kind,
            state: found.state(),
            group: connection.and_then(|connection| connection.group.as_deref()),
            picks: connection.map(|connection| &connection.picks),
            position: standing.position,
            lag: standing.lag(),
            pending: standing.pending,
            dead_letters: standing.dead,
            delivered: standing.delivered,
            last_delivered_at: standing.delivered_at,
            lost: standing.lost,
            lost_at: standing.lost_at,
            failure: standing.failure.as_ref().map(AttemptView::of),
            failing_since: found.failing_since(),
            disabled_at: disabled.map(|(at, _)| *at),
            disabled_reason: disabled.map(|(_, reason)| reason.as_str()),
            unusable_reason: found.unusable.as_deref(),
            removed_at: standing.removed_at,
        }
    }
}

/// What came of sending something once.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Attempt")]
pub(super) struct AttemptView<'a> {
    at: DateTime<Utc>,
    outcome: &'static str,
    status: Option<u16>,
    duration_seconds: f64,
    answer: &'a str,
}

impl<'a> AttemptView<'a> {
    pub fn of(attempt: &'a Attempt) -> Self {
        Self {
            at: attempt.at,
            outcome: attempt.outcome.as_str(),
            status: attempt.status,
            duration_seconds: attempt.duration.as_secs_f64(),
            answer: &attempt.excerpt,
        }
    }
}

/// A delivery that did not go at once.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Delivery")]
pub(super) struct DeliveryView<'a> {
    id: &'a str,
    sequence: Cursor,
    subscription: &'a Name,
    r#type: &'a str,
    subject: &'a str,
    state: &'static str,
    stored_at: DateTime<Utc>,
    next_attempt_at: Option<DateTime<Utc>>,
    attempts: Vec<AttemptView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a Event>,
}

impl<'a> DeliveryView<'a> {
    /// How it looks, `whole` with its event.
    pub fn of(delivery: &'a Delivery, whole: bool) -> Self {
        Self {
            id: &delivery.event.id,
            sequence: delivery.event.cursor,
            subscription: &delivery.event.subscription,
            r#type: &delivery.event.event_type,
            subject: &delivery.event.subject,
            state: delivery.state.as_str(),
            stored_at: delivery.stored_at,
            next_attempt_at: delivery.due_at,
            attempts: delivery.attempts.iter().map(AttemptView::of).collect(),
            event: whole.then_some(&delivery.event),
        }
    }
}

/// What of the log a sink would have been sent.
#[derive(Serialize, JsonSchema)]
pub(in crate::api) struct LookedView<'a> {
    /// Events that were looked at.
    looked_at: u64,
    /// How many of them it would have been sent.
    wanted: u64,
    /// How many of these only because the filter cannot be evaluated for them.
    unsure: u64,
    /// Why it cannot, for the first of those.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// The first hundred of those that it would have been sent.
    events: &'a [Event],
    /// Where there is more to look at.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Cursor>,
}

impl<'a> LookedView<'a> {
    pub fn of(looked: &'a Looked) -> Self {
        Self {
            looked_at: looked.looked_at,
            wanted: looked.wanted,
            unsure: looked.unsure,
            reason: looked.why.as_deref(),
            events: &looked.events,
            next: looked.next,
        }
    }
}
