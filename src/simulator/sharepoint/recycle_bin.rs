//! `web/recyclebin`: what was deleted in a site, and bringing it back.

use serde_json::json;
use uuid::Uuid;

use super::metadata::Entity;
use super::{SiteCall, require};
use crate::simulator::error::GraphError;
use crate::simulator::wire::{Answer, Outcome};
use crate::simulator::world::{Recycled, World, graph_time};

pub(super) fn answer(world: &mut World, call: &SiteCall<'_>) -> Outcome {
    let steps = call.steps.get(1..).unwrap_or_default();
    let names: Vec<&str> = steps.iter().map(|step| step.name.as_str()).collect();
    let id = steps.iter().find_map(|step| step.argument.as_deref());
    match (call.method.as_str(), names.as_slice(), id) {
        ("GET", ["recyclebin"], None) => {
            let site = call.site.collection;
            let here = world.recycle_bin.values().filter(|one| is_in(world, one, site));
            let entities: Vec<Entity> = here.map(|one| entity(call, one)).collect();
            Ok(call.many("SP.RecycleBinItems", &entities, None))
        }
        ("POST", ["recyclebin", .., "restore"], Some(id)) => {
            require(world, super::WRITE)?;
            let id: Uuid = id.parse().map_err(|_| GraphError::item_not_found())?;
            let known = world.recycle_bin.get(&id).is_some_and(|one| is_in(world, one, call.site.collection));
            if !known {
                return Err(GraphError::item_not_found());
            }
            world.restore(id)?;
            Ok(Answer::empty(200))
        }
        _ => Err(call.unknown()),
    }
}

fn is_in(world: &World, one: &Recycled, site: Uuid) -> bool {
    world.list(one.list).is_ok_and(|list| list.site == site)
}

fn entity(call: &SiteCall<'_>, one: &Recycled) -> Entity {
    Entity::new("SP.RecycleBinItem", call.link(&format!("Web/RecycleBin(guid'{}')", one.id)))
        .plain("DeletedDate", json!(graph_time(one.at)))
        .plain("Id", json!(one.id))
        .plain("ItemState", json!(1))
        .plain("Title", json!(one.name))
}
