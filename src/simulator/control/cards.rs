//! The channels that cards are posted to, and what came.

use serde::Deserialize;
use serde_json::{Value, json};

use super::read;
use crate::simulator::cards::Received;
use crate::simulator::error::GraphError;
use crate::simulator::wire::{Answer, Call, Outcome};
use crate::simulator::world::World;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    url: String,
    open: bool,
}

pub(super) fn answer(world: &mut World, call: &Call, path: &[&str]) -> Outcome {
    match (call.method.as_str(), path) {
        ("GET", ["cards"]) => Ok(Answer::json(200, all(world, call))),
        ("DELETE", ["cards"]) => {
            world.cards.received.clear();
            Ok(Answer::empty(204))
        }
        ("POST", ["cards", "connectors"]) => {
            let url = world.new_connector(&read::<New>(call)?.name);
            Ok(Answer::json(201, json!({ "url": url })))
        }
        ("POST", ["cards", "flows"]) => {
            let url = world.new_flow(&read::<New>(call)?.name);
            Ok(Answer::json(201, json!({ "url": url })))
        }
        ("POST", ["cards", "switch"]) => {
            let switch: Switch = read(call)?;
            let found = world.cards.channels.iter_mut().find(|channel| channel.url == switch.url);
            let channel = found.ok_or_else(GraphError::item_not_found)?;
            channel.open = switch.open;
            Ok(Answer::empty(204))
        }
        (_, path) => Err(GraphError::segment(path.last().unwrap_or(&""))),
    }
}

fn all(world: &World, call: &Call) -> Value {
    let count = call.query("last").and_then(|last| last.parse().ok()).unwrap_or(usize::MAX);
    let (cards, channels) = (&world.cards.received, world.cards.channels.iter());
    let last: Vec<Value> = cards.iter().skip(cards.len().saturating_sub(count)).map(Received::told).collect();
    let channels: Vec<Value> = channels
        .map(|channel| {
            let kind = channel.kind.as_str();
            json!({"kind": kind, "name": channel.name, "url": channel.url, "open": channel.open})
        })
        .collect();
    json!({"channels": channels, "cards": last})
}
