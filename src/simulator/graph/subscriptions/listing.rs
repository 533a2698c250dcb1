//! All subscriptions of the app in the tenant, in pages: a call that Microsoft wants seldom.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::simulator::error::GraphError;
use crate::simulator::wire::{Answer, Call, Outcome};
use crate::simulator::world::World;

/// As often an app may list in a tenant, within [`WINDOW`].
const LIMIT: usize = 25;
const WINDOW: TimeDelta = TimeDelta::seconds(20);

pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    count(world)?;
    world.alive_subscriptions(world.clock.now());
    let skip: usize = call.query("$skiptoken").and_then(|token| token.parse().ok()).unwrap_or(0);
    let size = world.settings.page_size;
    let page: Vec<Value> =
        world.subscriptions.values().skip(skip).take(size).map(|one| one.body(world, None)).collect();
    let more = skip + page.len() < world.subscriptions.len();
    let mut body = json!({"@odata.context": call.context("subscriptions"), "value": page});
    if let (true, Some(object)) = (more, body.as_object_mut()) {
        let link = call.link(&format!("subscriptions?$skiptoken={}", skip + size));
        object.insert("@odata.nextLink".to_owned(), Value::from(link));
    }
    Ok(Answer::json(200, body))
}

/// Refuses what is over the limit. What is refused counts too, and prolongs the state.
fn count(world: &mut World) -> Result<(), GraphError> {
    let now = world.clock.now();
    world.listed.retain(|at| *at > now - WINDOW);
    world.listed.push_back(now);
    let Some(over) = world.listed.len().checked_sub(LIMIT + 1) else { return Ok(()) };
    // There is room again when all but the last of those that are allowed have left the window.
    let free_at = world.listed.get(over + 1).map_or(now, |at| *at + WINDOW);
    let seconds = (free_at - now).num_seconds().max(0) + 1;
    let refusal = GraphError::new(429, "TooManyRequests", "Too many requests.");
    Err(refusal.header("Retry-After", seconds.to_string()))
}
