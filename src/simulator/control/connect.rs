//! Registers what the Connect button's page knows.

use serde::Deserialize;
use uuid::Uuid;

use super::read;
use crate::simulator::connect::App;
use crate::simulator::wire::{Answer, Call, Outcome};
use crate::simulator::world::World;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Registration {
    app_id: Option<Uuid>,
    callback_url: String,
}

/// Another callback address is another registration; those before it still hold.
pub(super) fn register(world: &mut World, call: &Call) -> Outcome {
    let Registration { app_id, callback_url } = read(call)?;
    let id = app_id.unwrap_or(world.tenant.app_id);
    world.connect_apps.push(App { id, callback_url });
    Ok(Answer::empty(204))
}
