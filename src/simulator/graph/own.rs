//! Who has signed in as a person reaches what is that person's own, and nothing else.

use super::subscriptions::Target;
use crate::simulator::error::GraphError;
use crate::simulator::wire::Call;
use crate::simulator::world::World;

/// Refuses what is somebody else's, where the caller acts for somebody.
pub(super) fn permit(world: &World, call: &Call, path: &[&str]) -> Result<(), GraphError> {
    let Some(user) = call.user.and_then(|id| world.users.iter().find(|user| user.id == id)) else {
        return Ok(());
    };
    let own = match path {
        ["users", key, ..] => world.user(key).is_some_and(|named| named.id == user.id),
        ["drives", id, ..] => world.drive(id).is_ok_and(|list| Some(list.id) == user.drive),
        ["subscriptions"] if call.method.as_str() == "POST" => {
            let body = call.json()?;
            let resource = body.get("resource").and_then(serde_json::Value::as_str).unwrap_or_default();
            match Target::of(world, resource)? {
                Target::Drive(list) => Some(list) == user.drive,
                Target::Messages { user: owner, .. } => owner == user.id,
                Target::List(_) => false,
            }
        }
        ["subscriptions", ..] => true,
        _ => false,
    };
    if own { Ok(()) } else { Err(GraphError::new(403, "accessDenied", "Access denied")) }
}
