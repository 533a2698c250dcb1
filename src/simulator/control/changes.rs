//! Random changes, as if people were at work.

use actix_web::web::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Followed, addresses, targets};
use crate::simulator::error::GraphError;
use crate::simulator::random::Random;
use crate::simulator::wire::{Answer, Outcome};
use crate::simulator::world::{Actor, Content, Draft, File, IdForm, World};

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
            Followed::List(list) if world.list(list)?.drive.is_some() => in_drive(world, list, &mut random)?,
            Followed::List(list) => in_list(world, list, &mut random)?,
            Followed::Folder { user, folder } => in_mail(world, user, folder, &mut random)?,
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

fn in_drive(
    world: &mut World,
    list: Uuid,
    random: &mut Random,
) -> Result<(&'static str, String), GraphError> {
    let (actor, name_number) = (someone(world, random), world.next_token());
    let record = world.list(list)?;
    let there = || record.items.values().filter(|item| !item.deleted && item.id != 0);
    let files: Vec<u64> =
        there().filter(|item| matches!(item.content, Content::File(_))).map(|item| item.id).collect();
    let mut folders: Vec<u64> =
        there().filter(|item| matches!(item.content, Content::Folder)).map(|item| item.id).collect();
    folders.push(0);
    let (file, folder) = (random.pick(&files), random.pick(&folders).unwrap_or(0));
    let text = format!("{} {}\n", word(random, &WORDS), random.next());
    // Counted, so that the same seed twice does not want the same name twice.
    let name = format!("{} {name_number}-{}", word(random, &WORDS), random.text("0123456789abcdef", 6));
    let (change, id) = match (random.below(20), file) {
        (6..=10, Some(id)) => {
            world.change_item(list, id, &actor, |item| {
                if let Content::File(file) = &item.content {
                    item.content =
                        Content::File(File::new(Bytes::from(text), &file.media_type, file.version + 1));
                }
            })?;
            ("updated", id)
        }
        (11..=13, Some(id)) => {
            world.relocate_item(list, id, &actor, (None, Some(format!("{name}.txt"))))?;
            ("renamed", id)
        }
        (14..=16, Some(id)) => {
            world.relocate_item(list, id, &actor, (Some(folder), None)).or_else(|_| {
                world.relocate_item(list, id, &actor, (Some(folder), Some(format!("{name}.txt"))))
            })?;
            ("moved", id)
        }
        (17..=18, Some(id)) => {
            world.remove_item(list, id)?;
            ("deleted", id)
        }
        (19, _) => {
            let draft = Draft { parent: folder, name, content: Content::Folder, fields: Map::new() };
            ("created", world.add_item(list, draft, &actor)?)
        }
        _ => {
            let content = Content::File(File::new(Bytes::from(text), "text/plain", 1));
            let draft = Draft { parent: folder, name: format!("{name}.txt"), content, fields: Map::new() };
            ("created", world.add_item(list, draft, &actor)?)
        }
    };
    let drive_id = world.list(list)?.items.get(&id).map(|item| item.drive_id.clone());
    Ok((change, drive_id.unwrap_or_default()))
}

fn in_mail(
    world: &mut World,
    user: Uuid,
    folder: u64,
    random: &mut Random,
) -> Result<(&'static str, String), GraphError> {
    let mailbox = world.mailboxes.get(&user).ok_or_else(GraphError::message_not_found)?;
    let here: Vec<u64> = mailbox
        .messages
        .values()
        .filter(|message| message.folder == folder)
        .map(|message| message.key)
        .collect();
    let archive =
        mailbox.folder(if folder == mailbox.folder("archive")?.key { "inbox" } else { "archive" })?.key;
    let id = |key: u64| mailbox.message_id(IdForm::Immutable, folder, key);
    let ids: Vec<(u64, String)> = here.iter().map(|key| (*key, id(*key))).collect();
    match (random.below(10), random.pick(&ids)) {
        (5 | 6, Some((key, id))) => {
            let read =
                mailbox.messages.get(&key).and_then(|message| message.properties.get("isRead")?.as_bool());
            let given = Map::from_iter([("isRead".to_owned(), Value::Bool(read != Some(true)))]);
            world.change_message(user, key, given)?;
            Ok(("updated", id))
        }
        (7, Some((key, id))) => {
            let given = Map::from_iter([(
                "importance".to_owned(),
                Value::from(word(random, &["low", "high", "normal"])),
            )]);
            world.change_message(user, key, given)?;
            Ok(("updated", id))
        }
        (8, Some((key, id))) => {
            world.move_message(user, key, archive)?;
            Ok(("moved", id))
        }
        (9, Some((key, id))) => {
            world.remove_message(user, key)?;
            Ok(("deleted", id))
        }
        _ => {
            let subject = format!("The {} of {}", word(random, &WORDS), word(random, &NAMES));
            let from =
                json!({"emailAddress": {"name": word(random, &NAMES), "address": "someone@fabrikam.com"}});
            let message = json!({
                "subject": subject, "from": from, "sender": from,
                "body": {"contentType": "text", "content": format!("{subject}, number {}.", random.next())},
            });
            let message = if let Value::Object(message) = message { message } else { Map::new() };
            let key = world.add_message(user, folder, message)?;
            let mailbox = world.mailboxes.get(&user).ok_or_else(GraphError::message_not_found)?;
            Ok(("created", mailbox.message_id(IdForm::Immutable, folder, key)))
        }
    }
}
