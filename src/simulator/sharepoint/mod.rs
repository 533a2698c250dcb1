//! SharePoint's own REST service, below `/_api` of each site: webhooks of lists, their change log, and the items.
//!
//! All hosts of the tenant are one address here, so a site is found by its path alone. A token has to be for the host
//! that the site has in the tenant, of an app that has proven itself by more than a secret. JSON in its three forms
//! is what is spoken; no XML.

mod address;
mod batch;
mod changes;
mod error;
mod folders;
mod handshake;
mod item_shape;
mod item_writes;
mod items;
mod lists;
mod metadata;
mod query;
mod recycle_bin;
mod token;
mod users;
mod webhook_rules;
mod webhooks;

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

pub(crate) use changes::OldTokens;
pub(crate) use error::refused;
pub(crate) use webhooks::Webhook;

use address::{Step, steps};
use metadata::{Entity, Mode};

use super::entra;
use super::error::GraphError;
use super::server::Shared;
use super::wire::{Answer, Body, Call, Outcome};
use super::world::{Site, World};

const READ: &[&str] = &["Sites.Read.All", "Sites.ReadWrite.All", "Sites.Manage.All", "Sites.FullControl.All"];
const WRITE: &[&str] = &["Sites.ReadWrite.All", "Sites.Manage.All", "Sites.FullControl.All"];
/// Having a webhook takes the right to manage its list, listing all takes everything.
const MANAGE: &[&str] = &["Sites.Manage.All", "Sites.FullControl.All"];
const FULL: &[&str] = &["Sites.FullControl.All"];

/// A call to a site, taken apart.
#[derive(Debug)]
struct SiteCall<'a> {
    call: &'a Call,
    /// What it does: `X-HTTP-Method` stands above the method that it came with.
    method: String,
    mode: Mode,
    site: Site,
    steps: Vec<Step>,
}

impl SiteCall<'_> {
    /// An address below this site's `_api`.
    fn link(&self, path: &str) -> String {
        let site = if self.site.path.is_empty() { String::new() } else { format!("/{}", self.site.path) };
        format!("{}{site}/_api/{path}", self.call.origin)
    }

    fn one(&self, status: u16, entity: &Entity) -> Answer {
        Answer::json(status, metadata::one(self.mode, &self.link(""), entity))
    }

    fn many(&self, kind: &str, entities: &[Entity], next: Option<String>) -> Answer {
        Answer::json(200, metadata::many(self.mode, &self.link(""), kind, entities, next))
    }

    /// What the last part of the address has in its brackets.
    fn argument(&self) -> &str {
        self.steps.last().and_then(|step| step.argument.as_deref()).unwrap_or_default()
    }

    fn unknown(&self) -> GraphError {
        error::no_resource(self.steps.last().map_or("", |step| step.name.as_str()))
    }
}

/// Answers a call to a site.
pub(crate) async fn answer(shared: &Arc<Shared>, call: &Call) -> Outcome {
    let (site, below) = call.path.split_once("/_api/").unwrap_or((call.path.as_str(), ""));
    let site = percent_encoding::percent_decode_str(site).decode_utf8_lossy();
    let found = {
        let world = shared.world();
        let site =
            world.sites.iter().find(|one| one.path.eq_ignore_ascii_case(site.trim_matches('/'))).cloned();
        let host = site.as_ref().map_or(world.tenant.host.as_str(), |site| site.host.as_str());
        if let Err(refusal) = entra::verify_for_site(&world, call.header("authorization"), host) {
            return Ok(refusal);
        }
        site
    };
    let Some(site) = found else {
        let body = Body::Bytes { content_type: "text/plain".to_owned(), bytes: "404 FILE NOT FOUND".into() };
        return Ok(Answer { body, ..Answer::empty(404) });
    };
    let tunnelled = call.header("x-http-method").filter(|_| call.method == "POST");
    let method = tunnelled.unwrap_or(call.method.as_str()).to_ascii_uppercase();
    let method = if method == "PATCH" { "MERGE".to_owned() } else { method };
    let steps = steps(below, call);
    let call = SiteCall { call, method, mode: Mode::of(call), site, steps };
    let answer = route(shared, &call).await?;
    Ok(metadata::typed(call.mode, answer))
}

async fn route(shared: &Arc<Shared>, call: &SiteCall<'_>) -> Outcome {
    let names: Vec<&str> = call.steps.iter().map(|step| step.name.as_str()).collect();
    require(&shared.world(), READ)?;
    match (call.method.as_str(), names.as_slice()) {
        ("POST", ["$batch"]) => batch::answer(shared, call).await,
        ("POST", ["contextinfo"]) => Ok(context_info(&shared.world(), call)),
        ("GET", ["site"]) => Ok(call.one(200, &collection_entity(call))),
        ("GET", ["web"]) => Ok(call.one(200, &query::select(call.call, web_entity(call))?)),
        ("GET", ["web", "getuserbyid"]) => users::answer(&shared.world(), call, call.argument()),
        ("GET", ["web", "getfolderbyserverrelativepath" | "getfolderbyserverrelativeurl"]) => {
            folders::answer(&shared.world(), call, call.argument())
        }
        (_, ["web", "recyclebin", ..]) => recycle_bin::answer(&mut shared.world(), call),
        ("GET", ["web", "lists"]) if call.steps.last().is_some_and(|step| step.argument.is_none()) => {
            lists::all(&shared.world(), call)
        }
        (_, ["web", ..]) => {
            let (list, rest) = lists::find(&shared.world(), call)?;
            in_list(shared, call, list, rest).await
        }
        _ => Err(call.unknown()),
    }
}

async fn in_list(shared: &Arc<Shared>, call: &SiteCall<'_>, list: Uuid, rest: &[Step]) -> Outcome {
    let names: Vec<&str> = rest.iter().map(|step| step.name.as_str()).collect();
    match (call.method.as_str(), names.as_slice()) {
        ("GET", [] | ["currentchangetoken" | "rootfolder" | "fields"]) => {
            lists::answer(&shared.world(), call, list, names.first().copied())
        }
        (_, ["subscriptions", ..]) => webhooks::answer(shared, call, list, rest).await,
        ("POST", ["getchanges"]) => changes::answer(&mut shared.world(), call, list),
        (_, ["items" | "getitembyid", ..]) => items::answer(&mut shared.world(), call, list, rest),
        _ => Err(call.unknown()),
    }
}

/// Refuses unless the app was granted one of these permissions.
fn require(world: &World, any_of: &[&str]) -> Result<(), GraphError> {
    if world.granted_for_sites(any_of) { Ok(()) } else { Err(error::denied()) }
}

fn server_relative(site: &Site) -> String {
    format!("/{}", site.path)
}

fn web_entity(call: &SiteCall<'_>) -> Entity {
    let site = &call.site;
    Entity::new("SP.Web", call.link("Web"))
        .plain("Created", json!(super::world::graph_time(site.created)))
        .plain("Description", json!(""))
        .plain("Id", json!(site.web))
        .plain("Language", json!(1033))
        .plain("ServerRelativeUrl", json!(server_relative(site)))
        .plain("Title", json!(site.title))
        .plain("Url", json!(site.web_url()))
}

fn collection_entity(call: &SiteCall<'_>) -> Entity {
    let site = &call.site;
    Entity::new("SP.Site", call.link("Site"))
        .plain("Id", json!(site.collection))
        .plain("ServerRelativeUrl", json!(server_relative(site)))
        .plain("Url", json!(site.web_url()))
}

/// What client libraries ask for before they write. Who comes with a bearer token needs no digest, and none is checked.
fn context_info(world: &World, call: &SiteCall<'_>) -> Answer {
    let now = world.clock.now().format("%d %b %Y %H:%M:%S -0000");
    let info = json!({
        "FormDigestTimeoutSeconds": 1800,
        "FormDigestValue": format!("0x{},{now}", world.tenant.client_id.simple()),
        "LibraryVersion": "16.0.0.0",
        "SiteFullUrl": call.site.web_url(),
        "WebFullUrl": call.site.web_url(),
    });
    Answer::json(200, metadata::returned(call.mode, "GetContextWebInformation", info))
}
