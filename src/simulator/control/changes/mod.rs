//! Random changes, as if people were at work.

mod drive;
mod mail;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Followed, addresses, targets};
use crate::simulator::error::GraphError;
use crate::simulator::random::Random;
use crate::simulator::wire::{Answer, Outcome};
use crate::simulator::world::{Actor, Content, Draft, World};

/// Changes in one call at most.
const LIMIT: u32 = 100_000;
const NAMES: [&str; 8] = ["Ada", "Brendan", "Chidi", "Dolores", "Emre", "Freya", "Giulia", "Hiroshi"];
const WORDS: [&str; 8] = ["budget", "minutes", "offer", "plan", "review", "roster", "sketch", "summary"];
const STAGES: [&str; 5] = ["Applied", "Interview", "Offer", "Hired", "Declined"];

/// What is wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    count: u32,
    seed: Option<u64>,
    resource: Option<String>,
}

/// Makes the changes and tells which.
pub(super) fn make(world: &mut World, wanted: &Wanted) -> Outcome {
    let count = wanted.count.min(LIMIT);
    let mut random = match wanted.seed {
        Some(seed) => Random::new(seed, "changes"),
        None => Random::new(world.random.next(), "changes"),
    };
    let mut places = targets(world, wanted.resource.as_deref())?;
    if wanted.resource.is_none() {
        places.retain(|place| lively(world, *place));
    }
    let mut made = Vec::new();
    for _ in 0..count {
        let Some(place) = random.pick(&places) else { break };
        let (change, id) = match place {
            Followed::List(list) if world.list(list)?.drive.is_some() => {
                drive::change(world, list, &mut random)?
            }
            Followed::List(list) => in_list(world, list, &mut random)?,
            Followed::Folder { user, folder } => mail::change(world, user, folder, &mut random)?,
        };
        let address = wanted.resource.clone().or_else(|| address_of(world, place));
        made.push(json!({"resource": address, "change": change, "id": id}));
    }
    Ok(Answer::json(200, json!({"changes": made})))
}

/// Changes of "everything" go where people work: lists, drives and inboxes.
fn lively(world: &World, place: Followed) -> bool {
    match place {
        Followed::List(_) => true,
        Followed::Folder { user, folder } => world
            .mailboxes
            .get(&user)
            .and_then(|mailbox| mailbox.folder("inbox").ok())
            .is_some_and(|inbox| inbox.key == folder),
    }
}

fn address_of(world: &World, place: Followed) -> Option<String> {
    let all = addresses(world);
    let mut named = all.into_iter().filter(|(_, target)| *target == place).map(|(address, _)| address);
    let first = named.next();
    // A library has two addresses that people write; as files is how it is changed here.
    named.next().or(first)
}

fn someone(world: &World, random: &mut Random) -> Actor {
    random.pick(&world.users).map_or_else(|| world.app(), |user| Actor::user(&user))
}

fn word(random: &mut Random, words: &[&'static str]) -> &'static str {
    random.pick(words).unwrap_or("something")
}

fn in_list(world: &mut World, list: Uuid, random: &mut Random) -> Result<(&'static str, String), GraphError> {
    let actor = someone(world, random);
    let there: Vec<u64> =
        world.list(list)?.items.values().filter(|item| !item.deleted).map(|item| item.id).collect();
    let existing = random.pick(&there);
    match (random.below(10), existing) {
        (5..=8, Some(id)) => {
            let (stage, score) = (word(random, &STAGES), random.below(101));
            world.change_item(list, id, &actor, |item| {
                item.fields.insert("Stage".to_owned(), Value::from(stage));
                item.fields.insert("Score".to_owned(), Value::from(score));
            })?;
            Ok(("updated", id.to_string()))
        }
        (9, Some(id)) => {
            world.remove_item(list, id)?;
            Ok(("deleted", id.to_string()))
        }
        _ => {
            let fields = Map::from_iter([
                (
                    "Title".to_owned(),
                    Value::from(format!("{} {}", word(random, &NAMES), random.below(10_000))),
                ),
                ("Stage".to_owned(), Value::from("Applied")),
                ("Score".to_owned(), Value::from(random.below(101))),
            ]);
            let draft = Draft { parent: 0, name: String::new(), content: Content::Row, fields };
            Ok(("created", world.add_item(list, draft, &actor)?.to_string()))
        }
    }
}
