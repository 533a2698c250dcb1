//! Creating, changing, moving, deleting and sending messages.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::mail::one;
use super::{MAIL_SEND, MAIL_WRITE, entity, mail_shape, require};
use crate::simulator::error::GraphError;
use crate::simulator::wire::{Answer, Call, Outcome};
use crate::simulator::world::World;

/// What a caller may not set.
const READ_ONLY: [&str; 6] =
    ["id", "changeKey", "parentFolderId", "createdDateTime", "lastModifiedDateTime", "webLink"];

pub(super) fn answer(world: &mut World, call: &Call, user: &str, rest: &[&str]) -> Outcome {
    let sending = matches!(rest, ["sendMail"] | [.., "send"]);
    require(world, if sending { MAIL_SEND } else { MAIL_WRITE }, "ErrorAccessDenied")?;
    let owner = world.mailbox(user)?.user;
    match (call.method.as_str(), rest) {
        ("POST", ["messages"]) => create(world, call, owner, "drafts"),
        ("POST", ["mailFolders", folder, "messages"]) => create(world, call, owner, folder),
        ("POST", ["mailFolders"]) => create_folder(world, call, owner, "msgfolderroot"),
        ("POST", ["mailFolders", folder, "childFolders"]) => create_folder(world, call, owner, folder),
        ("POST", ["mailFolders", folder, "move"]) => move_folder(world, call, owner, folder),
        ("DELETE", ["mailFolders", folder]) => {
            let key = world.mailbox(user)?.folder(folder)?.key;
            world.remove_folder(owner, key)?;
            Ok(Answer::empty(204))
        }
        ("POST", ["sendMail"]) => send_new(world, call, owner),
        (_, ["messages", id, action @ ..] | ["mailFolders", _, "messages", id, action @ ..]) => {
            let key = world.mailbox(user)?.message(id)?.key;
            on_message(world, call, owner, key, action)
        }
        _ => Err(GraphError::segment(rest.last().unwrap_or(&"messages"))),
    }
}

fn on_message(world: &mut World, call: &Call, user: Uuid, key: u64, action: &[&str]) -> Outcome {
    match (call.method.as_str(), action) {
        ("PATCH", []) => {
            world.change_message(user, key, given(call.json()?))?;
            told(world, call, user, key, 200)
        }
        ("DELETE", []) => {
            world.remove_message(user, key)?;
            Ok(Answer::empty(204))
        }
        ("POST", ["move"]) => {
            let body = call.json()?;
            let to = body.get("destinationId").and_then(Value::as_str).unwrap_or_default();
            let mailbox = world.mailboxes.get(&user).ok_or_else(GraphError::message_not_found)?;
            let to = mailbox.folder(to)?.key;
            world.move_message(user, key, to)?;
            told(world, call, user, key, 201)
        }
        ("POST", ["send"]) => {
            send_draft(world, user, key)?;
            Ok(Answer::empty(202))
        }
        _ => Err(GraphError::segment(action.last().unwrap_or(&"messages"))),
    }
}

fn told(world: &World, call: &Call, user: Uuid, key: u64, status: u16) -> Outcome {
    let mailbox = world.mailboxes.get(&user).ok_or_else(GraphError::message_not_found)?;
    one(mailbox, call, key, status)
}

fn given(body: Value) -> Map<String, Value> {
    let Value::Object(body) = body else { return Map::new() };
    body.into_iter()
        .filter(|(name, _)| !name.starts_with('@') && !READ_ONLY.contains(&name.as_str()))
        .collect()
}

fn create(world: &mut World, call: &Call, user: Uuid, folder: &str) -> Outcome {
    let mut properties = given(call.json()?);
    properties.entry("isDraft").or_insert(Value::Bool(true));
    let mailbox = world.mailboxes.get(&user).ok_or_else(GraphError::message_not_found)?;
    let folder = mailbox.folder(folder)?.key;
    let key = world.add_message(user, folder, properties)?;
    told(world, call, user, key, 201)
}

fn create_folder(world: &mut World, call: &Call, user: Uuid, parent: &str) -> Outcome {
    let body = call.json()?;
    let name = body.get("displayName").and_then(Value::as_str).unwrap_or_default();
    if name.is_empty() {
        return Err(GraphError::new(400, "ErrorInvalidRequest", "displayName is required."));
    }
    let parent = world.mailboxes.get(&user).ok_or_else(GraphError::message_not_found)?.folder(parent)?.key;
    let key = world.add_folder(user, Some(parent), name)?;
    let mailbox = world.mailboxes.get(&user).ok_or_else(GraphError::message_not_found)?;
    let folder = mailbox.folders.get(&key).ok_or_else(GraphError::message_not_found)?;
    Ok(entity(call, 201, "mailFolders/$entity", mail_shape::folder_body(mailbox, folder)))
}

fn move_folder(world: &mut World, call: &Call, user: Uuid, folder: &str) -> Outcome {
    let body = call.json()?;
    let to = body.get("destinationId").and_then(Value::as_str).unwrap_or_default();
    let mailbox = world.mailboxes.get(&user).ok_or_else(GraphError::message_not_found)?;
    let (key, to) = (mailbox.folder(folder)?.key, mailbox.folder(to)?.key);
    world.move_folder(user, key, to)?;
    let mailbox = world.mailboxes.get(&user).ok_or_else(GraphError::message_not_found)?;
    let folder = mailbox.folders.get(&key).ok_or_else(GraphError::message_not_found)?;
    Ok(entity(call, 201, "mailFolders/$entity", mail_shape::folder_body(mailbox, folder)))
}

/// A draft goes to *Sent Items*, and copies of it to whom it is addressed.
fn send_draft(world: &mut World, user: Uuid, key: u64) -> Result<(), GraphError> {
    let mailbox = world.mailboxes.get(&user).ok_or_else(GraphError::message_not_found)?;
    let properties = mailbox.messages.get(&key).ok_or_else(GraphError::message_not_found)?.properties.clone();
    let sent = mailbox.folder("sentitems")?.key;
    let out = outgoing(world, user, properties);
    world.change_message(user, key, Map::from_iter([("isDraft".to_owned(), Value::Bool(false))]))?;
    world.move_message(user, key, sent)?;
    deliver(world, &out)
}

fn send_new(world: &mut World, call: &Call, user: Uuid) -> Outcome {
    let body = call.json()?;
    let message = given(body.get("message").cloned().unwrap_or_default());
    if message.get("toRecipients").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        let text = "At least one recipient is not valid.";
        return Err(GraphError::new(400, "ErrorInvalidRecipients", text));
    }
    let out = outgoing(world, user, message);
    if body.get("saveToSentItems").and_then(Value::as_bool) != Some(false) {
        let mailbox = world.mailboxes.get(&user).ok_or_else(GraphError::message_not_found)?;
        let sent = mailbox.folder("sentitems")?.key;
        let mut copy = out.clone();
        copy.insert("isRead".to_owned(), Value::Bool(true));
        world.add_message(user, sent, copy)?;
    }
    deliver(world, &out)?;
    Ok(Answer::empty(202))
}

fn outgoing(world: &World, user: Uuid, mut properties: Map<String, Value>) -> Map<String, Value> {
    if let Some(user) = world.users.iter().find(|other| other.id == user) {
        let from = json!({"emailAddress": {"name": user.name, "address": user.address}});
        properties.insert("from".to_owned(), from.clone());
        properties.insert("sender".to_owned(), from);
    }
    properties.insert("isDraft".to_owned(), Value::Bool(false));
    properties.insert("isRead".to_owned(), Value::Bool(false));
    for stamp in ["receivedDateTime", "sentDateTime", "internetMessageId", "webLink"] {
        properties.remove(stamp);
    }
    properties
}

/// Puts the message into the inbox of every recipient of this tenant; others are out of reach.
fn deliver(world: &mut World, message: &Map<String, Value>) -> Result<(), GraphError> {
    let recipients = ["toRecipients", "ccRecipients", "bccRecipients"].into_iter();
    let lists = recipients.filter_map(|kind| message.get(kind).and_then(Value::as_array)).flatten();
    let mut reached: Vec<Uuid> = lists
        .filter_map(|one| one.pointer("/emailAddress/address").and_then(Value::as_str))
        .filter_map(|address| world.user(address).map(|user| user.id))
        .collect();
    reached.dedup();
    for user in reached {
        let mailbox = world.mailboxes.get(&user).ok_or_else(GraphError::message_not_found)?;
        let inbox = mailbox.folder("inbox")?.key;
        let mut copy = message.clone();
        copy.remove("bccRecipients");
        world.add_message(user, inbox, copy)?;
    }
    Ok(())
}
