//! Faults, roles, what the app proves itself with, time, page size, and how notifications travel.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;

use super::faults::Fault;
use super::read;
use crate::simulator::entra::{expire_tokens, refreshing, type_in};
use crate::simulator::error::GraphError;
use crate::simulator::wire::{Answer, Call, Outcome};
use crate::simulator::world::World;

/// As far as time moves at once.
const FARTHEST: Duration = Duration::from_secs(3_660 * 24 * 60 * 60);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Roles {
    roles: Option<Vec<String>>,
    sharepoint: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    claims: Option<serde_json::Map<String, serde_json::Value>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Moved {
    advance_seconds: Option<u64>,
    set: Option<DateTime<Utc>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pages {
    page_size: Option<usize>,
    partial_messages: Option<bool>,
}

pub(super) fn answer(world: &mut World, call: &Call, path: &[&str]) -> Outcome {
    match (call.method.as_str(), path) {
        ("POST", ["notifications"]) => {
            world.settings.notifications = read(call)?;
            Ok(Answer::json(200, json!(world.settings.notifications)))
        }
        ("POST", ["content"]) => {
            world.settings.content = read(call)?;
            Ok(Answer::json(200, json!(world.settings.content)))
        }
        ("POST", ["roles"]) => Ok(grant(world, read(call)?)),
        ("POST", ["change-tokens"]) => {
            world.settings.old_tokens = read(call)?;
            Ok(Answer::json(200, json!(world.settings.old_tokens)))
        }
        ("POST", ["folder-rows"]) => {
            world.settings.folder_rows = read(call)?;
            Ok(Answer::json(200, json!(world.settings.folder_rows)))
        }
        ("POST", ["certificates"]) => Ok(Answer::json(200, world.registered.add_certificate(&call.body)?)),
        ("DELETE", ["certificates"]) => {
            world.registered.certificates.clear();
            Ok(Answer::empty(204))
        }
        ("POST", ["federated"]) => Ok(Answer::json(200, world.registered.add_federated(&call.body)?)),
        ("POST", ["device"]) => Ok(Answer::json(200, type_in(world, &call.body)?)),
        ("POST", ["refresh-tokens"]) => Ok(Answer::json(200, refreshing(world, &call.body)?)),
        ("GET", ["identity"]) => Ok(Answer::json(200, world.platform.describe(&call.origin)?)),
        ("POST", ["claims"]) => {
            world.settings.claims = read::<Wanted>(call)?.claims.map(serde_json::Value::Object);
            Ok(Answer::json(200, json!({"claims": world.settings.claims})))
        }
        ("POST", ["access-tokens", "expire"]) => {
            expire_tokens(world);
            Ok(Answer::empty(204))
        }
        ("POST", ["renewals"]) => {
            world.settings.renewals = read(call)?;
            Ok(Answer::json(200, json!(world.settings.renewals)))
        }
        ("POST", ["faults"]) => queue(world, read(call)?),
        ("POST", ["odd"]) => {
            let page = read(call)?;
            world.odd_pages.push_back(page);
            Ok(Answer::empty(204))
        }
        ("DELETE", ["odd"]) => {
            world.odd_pages.clear();
            Ok(Answer::empty(204))
        }
        ("DELETE", ["faults"]) => {
            world.faults.clear();
            Ok(Answer::empty(204))
        }
        ("POST", ["pages"]) => Ok(cut(world, &read(call)?)),
        ("POST", ["time"]) => advance(world, &read(call)?),
        (_, path) => Err(GraphError::segment(path.last().unwrap_or(&"_control"))),
    }
}

/// Sets what is given of how pages are cut.
fn cut(world: &mut World, pages: &Pages) -> Answer {
    let settings = &mut world.settings;
    settings.page_size = pages.page_size.unwrap_or(settings.page_size).max(1);
    settings.partial_messages = pages.partial_messages.unwrap_or(settings.partial_messages);
    Answer::empty(204)
}

/// Sets what is given of the two.
fn grant(world: &mut World, Roles { roles, sharepoint }: Roles) -> Answer {
    let settings = &mut world.settings;
    settings.roles = roles.unwrap_or_else(|| settings.roles.clone());
    settings.site_roles = sharepoint.unwrap_or_else(|| settings.site_roles.clone());
    Answer::json(200, json!({"roles": settings.roles, "sharepoint": settings.site_roles}))
}

fn queue(world: &mut World, fault: Fault) -> Outcome {
    if !fault.is_one() {
        return Err(GraphError::new(
            400,
            "BadRequest",
            "A fault has either a status or a break, or a delay of up to 600 seconds, or both.",
        ));
    }
    world.faults.push_back(fault);
    Ok(Answer::empty(204))
}

/// Forward, never back. The machine's own clock cannot be moved.
fn advance(world: &World, moved: &Moved) -> Outcome {
    let before = world.clock.now();
    let by = match (moved.advance_seconds, moved.set) {
        (Some(seconds), None) => Some(Duration::from_secs(seconds)),
        (None, Some(time)) => (time - before).to_std().ok(),
        _ => None,
    };
    let Some(by) = by.filter(|by| *by <= FARTHEST) else {
        let message =
            "Time moves by advance_seconds, or is set to one that lies ahead; by ten years at most.";
        return Err(GraphError::new(400, "BadRequest", message));
    };
    world.clock.advance(by);
    let now = world.clock.now();
    if by > Duration::from_secs(1) && now < before + by {
        let message = "The stand-in runs on the system clock, which cannot be moved.";
        return Err(GraphError::new(409, "Conflict", message));
    }
    Ok(Answer::json(200, json!({"time": now})))
}
