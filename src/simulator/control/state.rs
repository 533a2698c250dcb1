//! The truth, to compare a client's view with.

use serde_json::{Map, Value, json};

use super::{Followed, addresses};
use crate::simulator::graph::{Fields, drive_item_in_delta, list_item, message_body};
use crate::simulator::world::{IdForm, World};

/// Everything there is, by resource address, as a delta would tell it.
pub(super) fn all(world: &mut World, origin: &str) -> Value {
    let now = world.clock.now();
    let subscriptions = world.alive_subscriptions(now);
    world.alive_webhooks(now);
    let world = &*world;
    let mut resources = Map::new();
    for (address, target) in addresses(world) {
        resources.insert(address.clone(), Value::from(items(world, origin, &address, target)));
    }
    json!({
        "resources": resources,
        "subscriptions": subscriptions.iter().filter_map(|id| world.subscriptions.get(id)).map(|one| json!({
            "id": one.id, "resource": one.resource, "notificationUrl": one.notification_url,
            "expirationDateTime": one.expires, "clientState": one.client_state,
            "encryptionCertificateId": one.recipient.as_ref().map(|recipient| &recipient.certificate_id),
        })).collect::<Vec<_>>(),
        "webhooks": world.webhooks.values().map(|one| json!({
            "id": one.id, "resource": one.list, "notificationUrl": one.notification_url,
            "expirationDateTime": one.expires, "clientState": one.client_state,
        })).collect::<Vec<_>>(),
        "pending_notifications": world.outbox.len(),
        "time": now,
    })
}

fn items(world: &World, origin: &str, address: &str, target: Followed) -> Vec<Value> {
    match target {
        Followed::List(list) => {
            let Ok(list) = world.list(list) else { return Vec::new() };
            let as_rows = address.starts_with("list:");
            let there = list.items.values().filter(|item| !item.deleted);
            if as_rows {
                let rows = there.filter(|item| list.drive.is_none() || item.id != 0);
                rows.map(|item| list_item(world, list, item, &Fields::All)).collect()
            } else {
                there.map(|item| drive_item_in_delta(world, origin, list, item)).collect()
            }
        }
        Followed::Folder { user, folder } => {
            let Some(mailbox) = world.mailboxes.get(&user) else { return Vec::new() };
            let here = mailbox.messages.values().filter(|message| message.folder == folder);
            here.map(|message| message_body(mailbox, message, IdForm::Immutable, None)).collect()
        }
    }
}
