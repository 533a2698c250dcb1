//! What happens to subscriptions without their owner's doing.

use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::read;
use crate::simulator::error::GraphError;
use crate::simulator::graph::subscriptions::Subscription;
use crate::simulator::sender::{Endpoint, lifecycle_notification};
use crate::simulator::wire::{Answer, Call, Outcome};
use crate::simulator::world::World;

const EVENTS: [&str; 3] = ["missed", "subscriptionRemoved", "reauthorizationRequired"];

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Removal {
    /// Whether the lifecycle address is told.
    lifecycle: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lifecycle {
    event: String,
    /// None: every subscription.
    subscription: Option<Uuid>,
    /// How often it is said to each.
    #[serde(default = "once")]
    count: u16,
}

fn once() -> u16 {
    1
}

pub(super) fn answer(world: &mut World, call: &Call, path: &[&str]) -> Outcome {
    match (call.method.as_str(), path) {
        ("POST", ["subscriptions", id, "remove"]) => {
            let removal: Removal = read(call)?;
            if id.parse().ok().and_then(|id: Uuid| world.webhooks.remove(&id)).is_some() {
                return Ok(Answer::empty(204));
            }
            let id = id.parse().ok().filter(|id| world.subscriptions.contains_key(id));
            let removed = id.and_then(|id: Uuid| world.subscriptions.remove(&id)).ok_or_else(unknown)?;
            if removal.lifecycle {
                tell(world, &removed, "subscriptionRemoved");
            }
            Ok(Answer::empty(204))
        }
        ("POST", ["subscriptions", id, "expire"]) => {
            let now = world.clock.now();
            let id: Uuid = id.parse().map_err(|_| unknown())?;
            match (world.subscriptions.get_mut(&id), world.webhooks.get_mut(&id)) {
                (Some(subscription), _) => subscription.expires = now,
                (None, Some(webhook)) => webhook.expires = now,
                (None, None) => return Err(unknown()),
            }
            Ok(Answer::empty(204))
        }
        ("POST", ["lifecycle"]) => lifecycle(world, &read(call)?),
        (_, path) => Err(GraphError::segment(path.last().unwrap_or(&"subscriptions"))),
    }
}

fn lifecycle(world: &mut World, wanted: &Lifecycle) -> Outcome {
    if !EVENTS.contains(&wanted.event.as_str()) {
        let message = format!("event is one of {}.", EVENTS.join(", "));
        return Err(GraphError::new(400, "BadRequest", message));
    }
    let concerned: Vec<Subscription> = world
        .subscriptions
        .values()
        .filter(|one| wanted.subscription.is_none_or(|id| one.id == id))
        .cloned()
        .collect();
    if concerned.is_empty() && wanted.subscription.is_some() {
        return Err(unknown());
    }
    let often = concerned.iter().flat_map(|one| std::iter::repeat_n(one, wanted.count.into()));
    let told = often.filter(|one| tell(world, one, &wanted.event)).count();
    Ok(Answer::json(202, json!({"told": told})))
}

/// Says it on the lifecycle address, where there is one.
pub(super) fn tell(world: &mut World, subscription: &Subscription, event: &str) -> bool {
    let Some(url) = &subscription.lifecycle_url else { return false };
    let body = lifecycle_notification(world, subscription, event);
    let now = world.clock.now();
    world.outbox.push_at(&Endpoint::of_graph(url), None, body, now);
    true
}

fn unknown() -> GraphError {
    GraphError::new(404, "ResourceNotFound", "There is no such subscription.")
}
