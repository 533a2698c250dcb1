//! Copies, and moves from one library into another, as people make them in a browser.

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
    let (from, to) = (library(world, &wanted.resource)?, library(world, &wanted.to)?);
    let actor = world.app();
    let id = world.carry_item((from, wanted.id), (to, wanted.folder), wanted.how, &actor)?;
    Ok(Answer::json(200, json!({"id": id.to_string()})))
}

fn library(world: &World, resource: &str) -> Result<Uuid, GraphError> {
    match targets(world, Some(resource))?.first() {
        Some(Followed::List(list)) => Ok(*list),
        _ => Err(GraphError::invalid("Only lists have items that are carried.")),
    }
}
