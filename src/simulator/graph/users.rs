//! `/users/…`: people, and the way to their OneDrive and mail.

use serde_json::json;

use super::{FILE_READ, USER_READ, drives, entity, mail, require};
use crate::simulator::error::GraphError;
use crate::simulator::wire::{Call, Outcome};
use crate::simulator::world::World;

pub(super) fn answer(world: &mut World, call: &Call, path: &[&str]) -> Outcome {
    match (call.method.as_str(), path) {
        ("GET", [key]) => user(world, call, key),
        (_, [key, "drive", rest @ ..]) => {
            require(world, FILE_READ, "accessDenied")?;
            let drive = world.user(key).ok_or_else(|| not_found(key))?.drive;
            let list =
                drive.ok_or_else(|| GraphError::new(404, "itemNotFound", "User's mysite not found."))?;
            drives::answer(world, call, list, rest)
        }
        (_, [key, rest @ ..]) => mail::answer(world, call, key, rest),
        (_, []) => Err(GraphError::segment("users")),
    }
}

fn user(world: &World, call: &Call, key: &str) -> Outcome {
    require(world, USER_READ, "Authorization_RequestDenied")?;
    let user = world.user(key).ok_or_else(|| not_found(key))?;
    let (given, surname) = user.name.split_once(' ').unwrap_or((&user.name, ""));
    let body = json!({
        "businessPhones": [],
        "displayName": user.name,
        "givenName": given,
        "jobTitle": null,
        "mail": user.address,
        "mobilePhone": null,
        "officeLocation": null,
        "preferredLanguage": null,
        "surname": surname,
        "userPrincipalName": user.address,
        "id": user.id,
    });
    Ok(entity(call, 200, "users/$entity", super::select(body, call.select().as_deref())))
}

fn not_found(key: &str) -> GraphError {
    let message = format!(
        "Resource '{key}' does not exist or one of its queried reference-property objects are not \
                           present."
    );
    GraphError::new(404, "Request_ResourceNotFound", message)
}
