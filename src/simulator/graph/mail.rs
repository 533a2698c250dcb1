//! `/users/{id}/mailFolders…` and `/users/{id}/messages…`: reading mail.

use serde_json::Value;

use super::{MAIL_READ, collection, entity, mail_delta, mail_shape, mail_writes, require};
use crate::simulator::error::GraphError;
use crate::simulator::wire::{Call, Outcome};
use crate::simulator::world::{Folder, IdForm, Mailbox, World};

pub(super) fn answer(world: &mut World, call: &Call, user: &str, rest: &[&str]) -> Outcome {
    if !matches!(rest.first(), Some(&("messages" | "mailFolders" | "sendMail"))) {
        return Err(GraphError::segment(rest.first().unwrap_or(&"users")));
    }
    if call.method.as_str() != "GET" {
        return mail_writes::answer(world, call, user, rest);
    }
    require(world, MAIL_READ, "ErrorAccessDenied")?;
    match rest {
        ["mailFolders", "delta"] => mail_delta::answer(world, call, user, None),
        ["mailFolders", folder, "messages", "delta"] => mail_delta::answer(world, call, user, Some(folder)),
        ["mailFolders"] => folders(world, call, user, "msgfolderroot"),
        ["mailFolders", folder, "childFolders"] => folders(world, call, user, folder),
        ["mailFolders", folder] => {
            let mailbox = world.mailbox(user)?;
            let body = mail_shape::folder_body(mailbox, mailbox.folder(folder)?);
            Ok(entity(call, 200, "mailFolders/$entity", super::select(body, call.select().as_deref())))
        }
        ["messages"] => messages(world, call, user, None),
        ["mailFolders", folder, "messages"] => messages(world, call, user, Some(folder)),
        ["messages", id] | ["mailFolders", _, "messages", id] => {
            let mailbox = world.mailbox(user)?;
            let key = mailbox.message(id)?.key;
            one(mailbox, call, key, 200)
        }
        _ => Err(GraphError::segment(rest.last().unwrap_or(&"messages"))),
    }
}

/// The form of ids that this request wants. Nothing remembers it from one request to the next.
pub(super) fn id_form(call: &Call) -> IdForm {
    if call.immutable_ids() { IdForm::Immutable } else { IdForm::Default }
}

/// A message.
pub(super) fn one(mailbox: &Mailbox, call: &Call, key: u64, status: u16) -> Outcome {
    let message = mailbox.messages.get(&key).ok_or_else(GraphError::message_not_found)?;
    let body = mail_shape::message_body(mailbox, message, id_form(call), call.select().as_deref());
    Ok(entity(call, status, "messages/$entity", body))
}

fn folders(world: &World, call: &Call, user: &str, parent: &str) -> Outcome {
    let mailbox = world.mailbox(user)?;
    let parent = mailbox.folder(parent)?.key;
    let below = mailbox.folders.values().filter(|folder: &&Folder| folder.parent == Some(parent));
    let found: Vec<Value> = below.map(|folder| mail_shape::folder_body(mailbox, folder)).collect();
    Ok(collection(world, call, "mailFolders", found))
}

fn messages(world: &World, call: &Call, user: &str, folder: Option<&str>) -> Outcome {
    let mailbox = world.mailbox(user)?;
    let folder = folder.map(|folder| mailbox.folder(folder).map(|folder| folder.key)).transpose()?;
    let wanted = call.select();
    let here =
        mailbox.messages.values().filter(|message| folder.is_none_or(|folder| message.folder == folder));
    let found = here
        .map(|message| mail_shape::message_body(mailbox, message, id_form(call), wanted.as_deref()))
        .collect();
    Ok(collection(world, call, "messages", found))
}
