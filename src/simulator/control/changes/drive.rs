//! What people do with files.

use actix_web::web::Bytes;
use serde_json::Map;
use uuid::Uuid;

use super::{WORDS, someone, word};
use crate::simulator::error::GraphError;
use crate::simulator::random::Random;
use crate::simulator::world::{Content, Draft, File, Item, World};

/// One change; what it was, and the id of what it happened to.
pub(super) fn change(
    world: &mut World,
    list: Uuid,
    random: &mut Random,
) -> Result<(&'static str, String), GraphError> {
    let (actor, number) = (someone(world, random), world.next_token());
    let record = world.list(list)?;
    let keys = |wanted: fn(&Item) -> bool| -> Vec<u64> {
        let there = record.items.values().filter(|item| !item.deleted);
        there.filter(|item| wanted(item)).map(|item| item.id).collect()
    };
    let file = random.pick(&keys(|item| matches!(item.content, Content::File(_))));
    let folder = random.pick(&keys(|item| matches!(item.content, Content::Folder))).unwrap_or(0);
    let text = Bytes::from(format!("{} {}\n", word(random, &WORDS), random.next()));
    // Counted, so that the same seed twice does not want the same name twice.
    let name = format!("{} {number}-{}", word(random, &WORDS), random.text("0123456789abcdef", 6));
    let (change, id) = match (random.below(20), file) {
        (6..=10, Some(id)) => {
            world.change_item(list, id, &actor, |item| rewrite(item, text))?;
            ("updated", id)
        }
        (11..=13, Some(id)) => {
            world.relocate_item(list, id, &actor, (None, Some(format!("{name}.txt"))))?;
            ("renamed", id)
        }
        (14..=16, Some(id)) => {
            // Under a new name where the old one is taken.
            world.relocate_item(list, id, &actor, (Some(folder), None)).or_else(|_| {
                world.relocate_item(list, id, &actor, (Some(folder), Some(format!("{name}.txt"))))
            })?;
            ("moved", id)
        }
        (17..=18, Some(id)) => {
            world.remove_item(list, id)?;
            ("deleted", id)
        }
        (kind, _) => {
            let (name, content) = match kind {
                19 => (name, Content::Folder),
                _ => (format!("{name}.txt"), Content::File(File::new(text, "text/plain", 1))),
            };
            let draft = Draft { parent: folder, name, content, fields: Map::new() };
            ("created", world.add_item(list, draft, &actor)?)
        }
    };
    let drive_id = world.list(list)?.items.get(&id).map(|item| item.drive_id.clone());
    Ok((change, drive_id.unwrap_or_default()))
}

fn rewrite(item: &mut Item, text: Bytes) {
    if let Content::File(file) = &item.content {
        item.content = Content::File(File::new(text, &file.media_type, file.version + 1));
    }
}
