//! `web/GetUserById(N)`: people and apps have numbers of their own in each site.

use serde_json::{Value, json};

use super::SiteCall;
use super::error::numbered;
use super::metadata::{Entity, Property};
use super::query::select;
use crate::simulator::wire::Outcome;
use crate::simulator::world::{Actor, World};

/// The name that an actor signs in with: claims, the last of which says who it is.
pub(super) fn login_name(world: &World, actor: &Actor) -> String {
    match actor.address() {
        Some(address) => format!("i:0#.f|membership|{address}"),
        None => format!("i:0i.t|ms.sp.ext|{}@{}", actor.id(), world.tenant.tenant_id),
    }
}

pub(super) fn answer(world: &World, call: &SiteCall<'_>, number: &str) -> Outcome {
    let app = world.app();
    let mut all = world.users.iter().map(Actor::user).chain(std::iter::once(app));
    let found = all.find(|actor| world.site_number(actor).to_string() == number);
    let user = found.ok_or_else(|| {
        numbered(404, -2_146_232_832, "Microsoft.SharePoint.SPException", "User cannot be found.")
    })?;
    Ok(call.one(200, &select(call.call, entity(world, call, &user))?))
}

/// Only people are in the directory.
fn entity(world: &World, call: &SiteCall<'_>, actor: &Actor) -> Entity {
    let number = world.site_number(actor);
    let id = actor
        .address()
        .map(|_| json!({"NameId": actor.id(), "NameIdIssuer": "urn:federation:microsoftonline"}));
    let id = id.map_or(Property::Plain(Value::Null), |id| Property::Complex("SP.UserIdInfo", id));
    Entity::new("SP.User", call.link(&format!("Web/GetUserById({number})")))
        .with("AadObjectId", id)
        .plain("Email", json!(actor.address().unwrap_or_default()))
        .plain("Id", json!(number))
        .plain("LoginName", json!(login_name(world, actor)))
        .plain("PrincipalType", json!(1))
        .plain("Title", json!(actor.name()))
        .plain("UserPrincipalName", json!(actor.address()))
}
