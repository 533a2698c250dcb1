//! `…/subscriptions` of a list: to whom SharePoint itself announces changes, until when.
//!
//! They have nothing to do with Graph's subscriptions to the same list. Nothing is told of their end: one that has
//! expired is gone without a word.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::address::Step;
use super::error::{bad_argument, read};
use super::metadata::Entity;
use super::webhook_rules::{check_resource, given, usual_expiry};
use super::{FULL, MANAGE, SiteCall, error, handshake, require};
use crate::simulator::error::GraphError;
use crate::simulator::sender::Endpoint;
use crate::simulator::server::Shared;
use crate::simulator::wire::{Answer, Outcome};
use crate::simulator::world::{World, ticks_time};

/// A webhook as SharePoint holds it.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    pub(crate) id: Uuid,
    pub(crate) list: Uuid,
    pub(crate) notification_url: String,
    pub(crate) client_state: Option<String>,
    pub(crate) expires: DateTime<Utc>,
}

impl Webhook {
    /// Where its notifications go.
    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::of_sharepoint(&self.notification_url, self.client_state.clone())
    }

    fn entity(&self, call: &SiteCall<'_>) -> Entity {
        let uri = call.link(&format!("web/lists('{}')/subscriptions('{}')", self.list, self.id));
        Entity::new("Microsoft.SharePoint.Webhooks.Subscription", uri)
            .plain("clientState", json!(self.client_state))
            .plain("expirationDateTime", json!(format!("{}Z", ticks_time(self.expires))))
            .plain("id", json!(self.id))
            .plain("notificationUrl", json!(self.notification_url))
            .plain("resource", json!(self.list))
            .plain("resourceData", Value::Null)
    }
}

impl World {
    /// Forgets those that have expired.
    pub(crate) fn alive_webhooks(&mut self, now: DateTime<Utc>) {
        self.webhooks.retain(|_, webhook| webhook.expires > now);
    }

    fn webhook(&mut self, list: Uuid, id: &str) -> Result<&mut Webhook, GraphError> {
        let now = self.clock.now();
        self.alive_webhooks(now);
        let found = id.parse().ok().and_then(|id: Uuid| self.webhooks.get_mut(&id));
        found.filter(|webhook| webhook.list == list).ok_or_else(|| {
            let message = "The specified subscription does not exist.";
            error::numbered(404, -1, "System.ArgumentException", message)
        })
    }
}

/// Answers a call to `subscriptions`, `subscriptions('id')` and what client libraries call instead.
pub(super) async fn answer(shared: &Arc<Shared>, call: &SiteCall<'_>, list: Uuid, steps: &[Step]) -> Outcome {
    require(&shared.world(), MANAGE)?;
    let names: Vec<&str> = steps.iter().skip(1).map(|step| step.name.as_str()).collect();
    let id = steps.iter().rev().find_map(|step| step.argument.as_deref());
    match (call.method.as_str(), names.as_slice(), id) {
        ("POST", [] | ["add"], None) => create(shared, call, list).await,
        ("GET", [], None) => all(&mut shared.world(), call, list),
        ("GET", [] | ["getbyid"], Some(id)) => {
            let webhook = shared.world().webhook(list, id)?.clone();
            Ok(call.one(200, &webhook.entity(call)))
        }
        ("MERGE", [] | ["getbyid"], Some(id)) => update(shared, call, list, id).await,
        ("DELETE", [] | ["getbyid"], Some(id)) | ("POST", ["remove"], Some(id)) => {
            let mut world = shared.world();
            let id = world.webhook(list, id)?.id;
            world.webhooks.remove(&id);
            Ok(Answer::empty(204))
        }
        _ => Err(call.unknown()),
    }
}

fn all(world: &mut World, call: &SiteCall<'_>, list: Uuid) -> Outcome {
    require(world, FULL)?;
    let now = world.clock.now();
    world.alive_webhooks(now);
    let found = world.webhooks.values().filter(|webhook| webhook.list == list);
    let entities: Vec<Entity> = found.map(|webhook| webhook.entity(call)).collect();
    Ok(call.many("SP.ApiData.Subscriptions", &entities, None))
}

/// A second one for the same list and address is answered as if it were made, with the id of the first and the new
/// values; what is stored stays as it was.
async fn create(shared: &Arc<Shared>, call: &SiteCall<'_>, list: Uuid) -> Outcome {
    let body = read(call.call)?;
    let wanted = {
        let mut world = shared.world();
        check_resource(world.list(list)?, &body)?;
        let given = given(&world, &body)?;
        Webhook {
            id: world.random.uuid(),
            list,
            notification_url: given
                .notification_url
                .ok_or_else(|| bad_argument("notificationUrl is required."))?,
            client_state: given.client_state,
            expires: given.expires.unwrap_or_else(|| usual_expiry(&world)),
        }
    };
    handshake::validate(shared, &wanted.notification_url, wanted.client_state.as_deref()).await?;
    let mut world = shared.world();
    let now = world.clock.now();
    world.alive_webhooks(now);
    let same = |one: &&Webhook| one.list == list && one.notification_url == wanted.notification_url;
    let existing = world.webhooks.values().find(same).map(|one| one.id);
    let told = Webhook { id: existing.unwrap_or(wanted.id), ..wanted };
    if existing.is_none() {
        world.webhooks.insert(told.id, told.clone());
    }
    Ok(call.one(201, &told.entity(call)))
}

async fn update(shared: &Arc<Shared>, call: &SiteCall<'_>, list: Uuid, id: &str) -> Outcome {
    let body = read(call.call)?;
    let (given, state) = {
        let mut world = shared.world();
        let state = world.webhook(list, id)?.client_state.clone();
        (given(&world, &body)?, state)
    };
    let state = given.client_state.or(state);
    if let Some(url) = &given.notification_url {
        handshake::validate(shared, url, state.as_deref()).await?;
    }
    let mut world = shared.world();
    let webhook = world.webhook(list, id)?;
    webhook.client_state = state;
    webhook.expires = given.expires.unwrap_or(webhook.expires);
    if let Some(url) = given.notification_url {
        webhook.notification_url = url;
    }
    Ok(Answer::empty(204))
}
