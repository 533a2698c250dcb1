//! `$select` and `$expand`.

use super::error::no_field;
use super::metadata::{Entity, Property};
use crate::simulator::error::GraphError;
use crate::simulator::wire::{Call, names};

/// Leaves of an object what was selected. Something that has properties of its own comes only when it is expanded.
pub(super) fn select(call: &Call, entity: Entity) -> Result<Entity, GraphError> {
    select_with(call, entity, &[])
}

/// The same, where some properties come only when they are named.
pub(super) fn select_with(call: &Call, entity: Entity, on_demand: &[&str]) -> Result<Entity, GraphError> {
    let expanded = names(call.query("$expand").unwrap_or_default());
    let selected = names(call.query("$select").unwrap_or("*"));
    check(&entity, &expanded)?;
    check(&entity, &selected)?;
    let all = selected.iter().any(|one| one == "*");
    let mut kept = entity;
    kept.properties.retain_mut(|(name, value)| {
        let wanted: Vec<&str> = selected.iter().filter_map(|one| below(one, name)).collect();
        match value {
            Property::Entity(inner) => {
                let inside: Vec<&str> = wanted.into_iter().filter(|one| !one.is_empty()).collect();
                if !inside.is_empty() {
                    inner
                        .properties
                        .retain(|(name, _)| inside.iter().any(|one| one.eq_ignore_ascii_case(name)));
                }
                expanded.iter().any(|one| one.eq_ignore_ascii_case(name))
            }
            _ => !wanted.is_empty() || (all && !on_demand.contains(&name.as_str())),
        }
    });
    Ok(kept)
}

/// What is said of this property: nothing more, or what follows the slash.
fn below<'a>(selected: &'a str, name: &str) -> Option<&'a str> {
    let (first, rest) = selected.split_once('/').unwrap_or((selected, ""));
    first.eq_ignore_ascii_case(name).then_some(rest)
}

fn check(entity: &Entity, names: &[String]) -> Result<(), GraphError> {
    let known = |name: &str| {
        name == "*" || entity.properties.iter().any(|(property, _)| below(name, property).is_some())
    };
    match names.iter().find(|name| !known(name)) {
        Some(name) => Err(no_field(name)),
        None => Ok(()),
    }
}
