//! What happens in a mail folder.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{NAMES, WORDS, word};
use crate::simulator::error::GraphError;
use crate::simulator::random::Random;
use crate::simulator::world::{IdForm, World};

/// One change; what it was, and the id of what it happened to.
pub(super) fn change(
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
        _ => Ok(("created", receive(world, user, folder, random)?)),
    }
}

/// A message from outside comes in.
fn receive(world: &mut World, user: Uuid, folder: u64, random: &mut Random) -> Result<String, GraphError> {
    let subject = format!("The {} of {}", word(random, &WORDS), word(random, &NAMES));
    let from = json!({"emailAddress": {"name": word(random, &NAMES), "address": "someone@fabrikam.com"}});
    let content = format!("{subject}, number {}.", random.next());
    let message = Map::from_iter([
        ("subject".to_owned(), Value::from(subject)),
        ("from".to_owned(), from.clone()),
        ("sender".to_owned(), from),
        ("body".to_owned(), json!({"contentType": "text", "content": content})),
    ]);
    let key = world.add_message(user, folder, message)?;
    let mailbox = world.mailboxes.get(&user).ok_or_else(GraphError::message_not_found)?;
    Ok(mailbox.message_id(IdForm::Immutable, folder, key))
}
