//! Copies, moves from one library into another, and rights that are given, as people do that in a browser.

use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{Followed, targets};
use crate::simulator::error::GraphError;
use crate::simulator::wire::{Answer, Outcome};
use crate::simulator::world::{Carry, World};

/// What is wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    resource: String,
    /// The number of the item in its list.
    id: u64,
    /// The library that it shall go to.
    to: String,
    /// The number of a folder there; none: its root.
    #[serde(default)]
    folder: u64,
    how: Carry,
}

pub(super) fn answer(world: &mut World, wanted: &Wanted) -> Outcome {
    let (from, to) = (list(world, &wanted.resource)?, list(world, &wanted.to)?);
    let actor = world.app();
    let id = world.carry_item((from, wanted.id), (to, wanted.folder), wanted.how, &actor)?;
    Ok(Answer::json(200, json!({"id": id.to_string()})))
}

/// What somebody is given a right to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shared {
    resource: String,
    /// The number of the item in its list.
    id: u64,
}

pub(super) fn share(world: &mut World, shared: &Shared) -> Outcome {
    let list = list(world, &shared.resource)?;
    world.share_item(list, shared.id)?;
    Ok(Answer::empty(204))
}

fn list(world: &World, resource: &str) -> Result<Uuid, GraphError> {
    match targets(world, Some(resource))?.first() {
        Some(Followed::List(list)) => Ok(*list),
        _ => Err(GraphError::invalid("Only lists have items that are carried.")),
    }
}
