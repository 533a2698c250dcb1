//! `/_control`: what Microsoft has no call for. Unlike the rest it needs no token.

mod cards;
mod carry;
mod changes;
mod chaos;
mod connect;
mod describe;
mod faults;
mod lifetimes;
mod odd;
mod settings;
mod state;
mod subscriptions;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use super::error::GraphError;
use super::resync::Resync;
use super::wire::{Answer, Call, Outcome};
use super::world::World;
pub(crate) use chaos::{Chaos, revalidates, travel, travel_of_webhook};
pub(crate) use faults::{Break, Fault, Strike, Struck, take_fault};
pub(crate) use lifetimes::{Conflicts, LifetimeOf, Lifetimes, Renewals, TooLong};
pub(crate) use odd::{OddPage, make_odd};

/// Answers a call to `/_control…`.
pub(crate) fn answer(world: &mut World, call: &Call) -> Outcome {
    let path: Vec<&str> = call.segments.iter().skip(1).map(String::as_str).collect();
    match (call.method.as_str(), path.as_slice()) {
        ("GET", []) => Ok(Answer::json(200, describe::all())),
        ("GET", ["state"]) => Ok(Answer::json(200, state::all(world, &call.origin))),
        ("GET", ["requests"]) => {
            let count = call.query("last").and_then(|last| last.parse().ok()).unwrap_or(usize::MAX);
            let skip = world.requests.len().saturating_sub(count);
            let last: Vec<&Value> = world.requests.iter().skip(skip).collect();
            Ok(Answer::json(200, json!({"requests": last})))
        }
        ("DELETE", ["requests"]) => {
            world.requests.clear();
            Ok(Answer::empty(204))
        }
        ("GET", ["sent"]) => {
            let count = call.query("last").and_then(|last| last.parse().ok()).unwrap_or(usize::MAX);
            let skip = world.ledger.sent.len().saturating_sub(count);
            let last: Vec<_> = world.ledger.sent.iter().skip(skip).collect();
            Ok(Answer::json(200, json!({"totals": world.ledger.totals, "sent": last})))
        }
        ("GET", ["pending"]) => {
            let now = world.clock.now();
            let due = world.outbox.due(now);
            Ok(Answer::json(200, json!({"answering": world.answering, "due": due})))
        }
        ("POST", ["changes"]) => changes::make(world, &read(call)?),
        ("POST", ["carry"]) => carry::answer(world, &read(call)?),
        ("POST", ["share"]) => carry::share(world, &read(call)?),
        ("POST", ["replay"]) => {
            for target in targets(world, read::<Named>(call)?.resource.as_deref())? {
                target.replay(world);
            }
            Ok(Answer::empty(204))
        }
        ("POST", ["tokens", "expire"]) => {
            let dead: Dead = read(call)?;
            for target in targets(world, dead.resource.as_deref())? {
                target.expire_tokens(world);
            }
            world.settings.resync = dead.flavour.unwrap_or_default();
            Ok(Answer::empty(204))
        }
        ("POST", ["connect"]) => connect::register(world, call),
        (_, ["cards", ..]) => cards::answer(world, call, &path),
        (_, ["chaos"]) => chaos::answer(world, call),
        (_, ["lifetimes" | "conflicts"]) => lifetimes::answer(world, call, &path),
        (_, ["subscriptions" | "lifecycle", ..]) => subscriptions::answer(world, call, &path),
        _ => settings::answer(world, call, &path),
    }
}

/// The name of something to act on; none: everything.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Named {
    resource: Option<String>,
}

/// Whose cursors die, and how that is told from now on.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Dead {
    resource: Option<String>,
    flavour: Option<Resync>,
}

/// Reads a body; an absent one is an empty object.
fn read<T: DeserializeOwned>(call: &Call) -> Result<T, GraphError> {
    let body: &[u8] = if call.body.is_empty() { b"{}" } else { &call.body };
    serde_json::from_slice(body).map_err(|error| GraphError::new(400, "BadRequest", error.to_string()))
}

/// Something in the tenant that has a delta.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Followed {
    List(Uuid),
    Folder { user: Uuid, folder: u64 },
}

impl Followed {
    fn replay(self, world: &mut World) {
        match self {
            Self::List(list) => world.replay_items(list),
            Self::Folder { user, folder } => world.replay_messages(user, folder),
        }
    }

    /// Makes every delta link given so far answer 410, and every change token so far be refused.
    fn expire_tokens(self, world: &mut World) {
        let next = world.next_token();
        let (change, now) = (world.next_change(), world.clock.now());
        match self {
            Self::List(list) => {
                if let Some(list) = world.lists.get_mut(&list) {
                    list.oldest_token = next;
                    list.log.cut_off(change, now);
                }
            }
            Self::Folder { user, folder } => {
                if let Some(mailbox) = world.mailboxes.get_mut(&user) {
                    // The tree of folders goes with the folder at its top.
                    let top = mailbox.folder("msgfolderroot").is_ok_and(|top| top.key == folder);
                    mailbox.chains.retain(|_, chain| match chain.options.folder {
                        Some(other) => other != folder,
                        None => !top,
                    });
                }
            }
        }
    }
}

/// Every resource address of the tenant, with what it stands for.
fn addresses(world: &World) -> Vec<(String, Followed)> {
    let mut all = Vec::new();
    for list in world.lists.values() {
        let address = list.web_url.replace("%20", " ");
        all.push((format!("list:{address}"), Followed::List(list.id)));
        if let Some(drive) = &list.drive {
            let owner = world.users.iter().find(|user| Some(user.id) == drive.owner);
            let name =
                owner.map_or_else(|| format!("drive:{address}"), |user| format!("onedrive:{}", user.address));
            all.push((name, Followed::List(list.id)));
            all.push((format!("drive:{}", drive.id), Followed::List(list.id)));
        }
    }
    for mailbox in world.mailboxes.values() {
        let Some(user) = world.users.iter().find(|user| user.id == mailbox.user) else { continue };
        for folder in mailbox.folders.values() {
            let target = Followed::Folder { user: user.id, folder: folder.key };
            let id = mailbox.folder_id(folder.key);
            all.push((format!("mail:{}/{}", user.address, folder.well_known.unwrap_or(&id)), target));
        }
    }
    all
}

/// What a resource address stands for; `mail:USER` stands for all its folders, no address for everything.
fn targets(world: &World, resource: Option<&str>) -> Result<Vec<Followed>, GraphError> {
    let all = addresses(world);
    let wanted = resource.map(|text| text.replace("%20", " "));
    let below = wanted.as_ref().filter(|text| text.starts_with("mail:")).map(|text| format!("{text}/"));
    let mut found: Vec<Followed> = Vec::new();
    for (address, target) in all {
        let named = wanted.as_ref().is_none_or(|wanted| address.eq_ignore_ascii_case(wanted))
            || below.as_ref().is_some_and(|below| address.starts_with(below.as_str()));
        if named && !found.contains(&target) {
            found.push(target);
        }
    }
    if found.is_empty() {
        return Err(GraphError::new(404, "itemNotFound", "No resource of the tenant has this address."));
    }
    Ok(found)
}
