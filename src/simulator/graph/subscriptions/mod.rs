//! `/subscriptions`: what Office 365 promises to announce, to whom, until when.

mod handshake;
mod listing;
mod rules;
mod target;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) use target::Target;

use listing::list;

use crate::simulator::control::revalidates;
use crate::simulator::error::GraphError;
use crate::simulator::rich::Recipient;
use crate::simulator::server::Shared;
use crate::simulator::wire::{Answer, Call, Outcome};
use crate::simulator::world::{IdForm, World, ticks_time};

/// A subscription as Office 365 holds it.
#[derive(Debug, Clone)]
pub(crate) struct Subscription {
    pub(crate) id: Uuid,
    /// As it was sent.
    pub(crate) resource: String,
    pub(crate) target: Target,
    pub(crate) change_type: String,
    pub(crate) notification_url: String,
    pub(crate) lifecycle_url: Option<String>,
    pub(crate) client_state: Option<String>,
    pub(crate) expires: DateTime<Utc>,
    pub(crate) tls: String,
    /// The form of message ids in its notifications.
    pub(crate) ids: IdForm,
    /// Whom its content is encrypted for, if it brings any.
    pub(crate) recipient: Option<Recipient>,
}

impl Subscription {
    /// The kinds of change it asked for.
    pub(crate) fn change_types(&self) -> impl Iterator<Item = &str> {
        self.change_type.split(',').map(str::trim)
    }

    /// Whether one with this change type and resource would be the same again.
    fn same_combination(&self, change_type: &str, resource: &str) -> bool {
        let normal = |text: &str| {
            let mut parts: Vec<String> = text.split(',').map(|part| part.trim().to_lowercase()).collect();
            parts.sort();
            parts
        };
        self.resource.trim_matches('/').eq_ignore_ascii_case(resource.trim_matches('/'))
            && normal(&self.change_type) == normal(change_type)
    }

    /// Graph's object; `client_state` is told once, in the answer to its creation.
    fn body(&self, world: &World, client_state: Option<&str>) -> Value {
        json!({
            "id": self.id,
            "resource": self.resource,
            "applicationId": world.tenant.client_id,
            "changeType": self.change_type,
            "clientState": client_state,
            "notificationUrl": self.notification_url,
            "notificationQueryOptions": null,
            "lifecycleNotificationUrl": self.lifecycle_url,
            "expirationDateTime": format!("{}Z", ticks_time(self.expires)),
            "creatorId": world.service_principal,
            "includeResourceData": self.recipient.as_ref().map(|_| true),
            "latestSupportedTlsVersion": self.tls,
            "encryptionCertificate": self.recipient.as_ref().map(|_| ""),
            "encryptionCertificateId": self.recipient.as_ref().map(|recipient| &recipient.certificate_id),
            "notificationUrlAppId": null,
            "notificationContentType": null,
        })
    }
}

impl World {
    /// Subscriptions that have not expired. Expired ones are gone: Office 365 removes them by itself.
    pub(crate) fn alive_subscriptions(&mut self, now: DateTime<Utc>) -> Vec<Uuid> {
        self.subscriptions.retain(|_, subscription| subscription.expires > now);
        self.subscriptions.keys().copied().collect()
    }

    fn subscription(&mut self, id: &str) -> Result<&mut Subscription, GraphError> {
        self.alive_subscriptions(self.clock.now());
        let found = id.parse().ok().and_then(|id: Uuid| self.subscriptions.get_mut(&id));
        found.ok_or_else(|| GraphError::new(404, "ResourceNotFound", "The object was not found."))
    }

    fn refuse_duplicate(&mut self, change_type: &str, resource: &str) -> Result<(), GraphError> {
        self.alive_subscriptions(self.clock.now());
        let mut others = self.subscriptions.values().filter(|_| !self.settings.conflicts.none);
        let existing = others.find(|one| one.same_combination(change_type, resource));
        existing.map_or(Ok(()), |existing| {
            let id = if self.settings.conflicts.unnamed { "<>".to_owned() } else { existing.id.to_string() };
            let message = format!("Subscription Id {id} already exists for the requested combination");
            Err(GraphError::new(409, "ObjectIdentifierInUse", message))
        })
    }
}

/// Answers a call to `/subscriptions…`.
pub(crate) async fn answer(shared: &Arc<Shared>, call: &Call, rest: &[&str]) -> Outcome {
    match (call.method.as_str(), rest) {
        ("POST", []) => create(shared, call).await,
        ("GET", []) => list(&mut shared.world(), call),
        ("GET", [id]) => {
            let mut world = shared.world();
            let subscription = world.subscription(id)?.clone();
            Ok(entity(&world, call, 200, &subscription, None))
        }
        ("PATCH", [id]) => update(shared, call, id).await,
        ("DELETE", [id]) => {
            let mut world = shared.world();
            let id = world.subscription(id)?.id;
            world.subscriptions.remove(&id);
            Ok(Answer::empty(204))
        }
        ("POST", [id, "reauthorize"]) => {
            shared.world().subscription(id)?;
            Ok(Answer::empty(204))
        }
        _ => Err(GraphError::segment(rest.last().unwrap_or(&"subscriptions"))),
    }
}

async fn create(shared: &Arc<Shared>, call: &Call) -> Outcome {
    let body = call.json()?;
    let wanted = {
        let mut world = shared.world();
        let wanted = rules::wanted(&mut world, call, &body)?;
        world.refuse_duplicate(&wanted.change_type, &wanted.resource)?;
        wanted
    };
    handshake::validate(shared, &wanted.notification_url).await?;
    if let Some(url) = &wanted.lifecycle_url {
        handshake::validate(shared, url).await?;
    }
    let mut world = shared.world();
    world.refuse_duplicate(&wanted.change_type, &wanted.resource)?;
    world.subscriptions.insert(wanted.id, wanted.clone());
    Ok(entity(&world, call, 201, &wanted, wanted.client_state.as_deref()))
}

async fn update(shared: &Arc<Shared>, call: &Call, id: &str) -> Outcome {
    let body = call.json()?;
    let (wanted, asked) = {
        let mut world = shared.world();
        let subscription = world.subscription(id)?.clone();
        rules::permitted(&world, &subscription.target, "Update")?;
        let wanted = rules::changes(&world, &subscription, &body)?;
        let anew = world.settings.renewals.revalidate || revalidates(&mut world);
        let kept = anew.then_some(subscription.notification_url);
        let asked = wanted.notification_url.clone().or(kept);
        (wanted, asked)
    };
    if let Some(url) = asked {
        handshake::validate(shared, &url).await?;
    }
    let mut world = shared.world();
    let subscription = world.subscription(id)?;
    subscription.expires = wanted.expires.unwrap_or(subscription.expires);
    subscription.notification_url =
        wanted.notification_url.unwrap_or_else(|| subscription.notification_url.clone());
    subscription.recipient = wanted.recipient.or_else(|| subscription.recipient.clone());
    let changed = subscription.clone();
    Ok(entity(&world, call, 200, &changed, None))
}

fn entity(world: &World, call: &Call, status: u16, one: &Subscription, client_state: Option<&str>) -> Answer {
    let mut body = one.body(world, client_state);
    if let Some(object) = body.as_object_mut() {
        object.insert("@odata.context".to_owned(), Value::from(call.context("subscriptions/$entity")));
    }
    Answer::json(status, body)
}
