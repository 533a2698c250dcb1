//! A subscription as callers see it.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::progress::Progress;
use crate::model::{Name, RemoteId, Resource, Start, State, Subscription, Suspicion, Trouble, Via};

/// The JSON form of a [`Subscription`], in the order of the documentation.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Subscription")]
pub(super) struct View<'a> {
    name: &'a Name,
    tenant: &'a Name,
    resource: &'a Resource,
    via: Via,
    start: Start,
    state: State,
    remote_id: Option<&'a RemoteId>,
    expires_at: Option<DateTime<Utc>>,
    renew_at: Option<DateTime<Utc>>,
    last_notification_at: Option<DateTime<Utc>>,
    last_fetch_at: Option<DateTime<Utc>>,
    last_event_at: Option<DateTime<Utc>>,
    pending: bool,
    events: u64,
    include_resource_data: bool,
    quarantined: u64,
    error: Option<&'a Trouble>,
    /// Since when it is paused; beside `state`, which tells first of what is worse.
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suspicious: Option<Suspicious>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_round: Option<Progress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resync: Option<Progress>,
}

/// Why a subscription is not trusted.
#[derive(Serialize, JsonSchema)]
pub(super) struct Suspicious {
    reason: Suspicion,
    explanation: &'static str,
}

impl Suspicious {
    /// What is suspicious about one that is followed.
    pub fn of(subscription: &Subscription, now: DateTime<Utc>) -> Option<Self> {
        let followed = subscription.removed_at.is_none();
        let reason = subscription.rhythm.suspicion(now).filter(|_| followed)?;
        Some(Self { reason, explanation: reason.explanation() })
    }
}

impl<'a> View<'a> {
    /// How it looks at `now`.
    pub fn of(subscription: &'a Subscription, now: DateTime<Utc>) -> Self {
        let remote = subscription.remote.as_ref();
        Self {
            name: &subscription.wish.name,
            tenant: &subscription.wish.tenant,
            resource: &subscription.wish.resource,
            via: subscription.wish.via,
            start: subscription.wish.start,
            state: subscription.state(now),
            remote_id: remote.map(|remote| &remote.id),
            expires_at: remote.map(|remote| remote.expires_at),
            renew_at: remote.map(|remote| remote.renew_at),
            last_notification_at: subscription.last_notification_at,
            last_fetch_at: subscription.last_fetch_at,
            last_event_at: subscription.last_event_at,
            pending: subscription.pending,
            events: subscription.events,
            include_resource_data: subscription.wish.include_resource_data,
            quarantined: subscription.quarantined,
            error: subscription.error(),
            paused_at: subscription.paused_at,
            suspicious: Suspicious::of(subscription, now),
            first_round: subscription.first_round.as_ref().map(|round| Progress::of(round, now)),
            resync: subscription.resync.as_ref().map(|round| Progress::of(round, now)),
        }
    }
}
