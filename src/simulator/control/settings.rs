//! Faults, roles, time, page size, and how notifications travel.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::read;
use crate::simulator::error::GraphError;
use crate::simulator::wire::{Answer, Call, Outcome};
use crate::simulator::world::World;

/// An answer that is given instead of the real one, `count` times.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    status: u16,
    #[serde(default = "once")]
    count: u32,
    /// Which addresses it strikes; none: every one.
    #[serde(default)]
    path_prefix: String,
    /// Seconds to say in `Retry-After`.
    retry_after: Option<u32>,
    /// The error's code, where the usual one of the status will not do.
    code: Option<String>,
}

fn once() -> u32 {
    1
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Roles {
    roles: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_seconds: u64,
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
        ("POST", ["roles"]) => {
            world.settings.roles = read::<Roles>(call)?.roles;
            Ok(Answer::json(200, json!({"roles": world.settings.roles})))
        }
        ("POST", ["faults"]) => {
            let fault: Fault = read(call)?;
            world.faults.push_back(fault);
            Ok(Answer::empty(204))
        }
        ("DELETE", ["faults"]) => {
            world.faults.clear();
            Ok(Answer::empty(204))
        }
        ("POST", ["pages"]) => {
            let pages: Pages = read(call)?;
            world.settings.page_size = pages.page_size.unwrap_or(world.settings.page_size).max(1);
            world.settings.partial_messages =
                pages.partial_messages.unwrap_or(world.settings.partial_messages);
            Ok(Answer::empty(204))
        }
        ("POST", ["time"]) => advance(world, &read(call)?),
        (_, path) => Err(GraphError::segment(path.last().unwrap_or(&"_control"))),
    }
}

/// Only a clock that stands still by itself can be moved.
fn advance(world: &World, by: &Advance) -> Outcome {
    let before = world.clock.now();
    world.clock.advance(Duration::from_secs(by.advance_seconds));
    let now = world.clock.now();
    if by.advance_seconds > 1 && now < before + Duration::from_secs(by.advance_seconds) {
        let message = "The stand-in runs on the system clock, which cannot be moved.";
        return Err(GraphError::new(409, "Conflict", message));
    }
    Ok(Answer::json(200, json!({"time": now})))
}

/// The fault that strikes a request to `path`, if one is queued for it.
pub(crate) fn take_fault(world: &mut World, path: &str) -> Option<GraphError> {
    let at = world.faults.iter().position(|fault| path.starts_with(&fault.path_prefix))?;
    let fault = world.faults.get_mut(at)?;
    fault.count = fault.count.saturating_sub(1);
    let struck = fault.clone();
    if struck.count == 0 {
        world.faults.remove(at);
    }
    let usual = match struck.status {
        401 => "InvalidAuthenticationToken",
        403 => "accessDenied",
        404 => "itemNotFound",
        410 => "resyncRequired",
        429 => "TooManyRequests",
        503 => "serviceNotAvailable",
        504 => "UnknownError",
        _ => "generalException",
    };
    let error =
        GraphError::new(struck.status, struck.code.as_deref().unwrap_or(usual), "Queued under /_control.");
    Some(match struck.retry_after {
        Some(seconds) => error.header("Retry-After", seconds.to_string()),
        None => error,
    })
}
