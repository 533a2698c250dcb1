//! What notifications say.

use serde_json::{Value, json};

use crate::simulator::graph::subscriptions::{Subscription, Target};
use crate::simulator::sharepoint::Webhook;
use crate::simulator::world::{World, ticks_time};

/// What all notifications of a subscription have in common.
fn envelope(world: &World, subscription: &Subscription) -> Value {
    json!({
        "subscriptionId": subscription.id,
        "subscriptionExpirationDateTime": format!("{}+00:00", ticks_time(subscription.expires)),
        "clientState": subscription.client_state,
        "tenantId": world.tenant.tenant_id,
    })
}

/// Drives and lists tell only that something changed.
pub(super) fn shoulder_tap(world: &World, subscription: &Subscription) -> Value {
    let kind = if matches!(subscription.target, Target::Drive(_)) { "DriveItem" } else { "ListItem" };
    let mut body = envelope(world, subscription);
    merge(
        &mut body,
        json!({
            "changeType": "updated",
            "resource": subscription.resource.trim_start_matches('/'),
            "resourceData": {"@odata.type": format!("#Microsoft.Graph.{kind}")},
        }),
    );
    body
}

/// Outlook tells which message.
pub(super) fn message(
    world: &World,
    subscription: &Subscription,
    change_type: &str,
    (folder, message): (u64, u64),
) -> Option<Value> {
    let Target::Messages { user, .. } = subscription.target else { return None };
    let mailbox = world.mailboxes.get(&user)?;
    let id = mailbox.message_id(subscription.ids, folder, message);
    let resource = format!("Users/{user}/Messages/{id}");
    let mut data = json!({"@odata.type": "#Microsoft.Graph.Message", "@odata.id": resource, "id": id});
    if let Some(found) = mailbox.messages.get(&message) {
        merge(&mut data, json!({"@odata.etag": found.etag()}));
    }
    let mut body = envelope(world, subscription);
    merge(&mut body, json!({"changeType": change_type, "resource": resource, "resourceData": data}));
    Some(body)
}

/// What is said about the subscription itself.
pub(crate) fn lifecycle_notification(world: &World, subscription: &Subscription, event: &str) -> Value {
    let mut body = envelope(world, subscription);
    let expires = format!("{}Z", ticks_time(subscription.expires));
    merge(
        &mut body,
        json!({
            "subscriptionExpirationDateTime": expires,
            "lifecycleEvent": event,
            "resource": subscription.resource.trim_start_matches('/'),
            "resourceData": {},
        }),
    );
    body
}

/// SharePoint tells which list, and where its site is; the host it leaves out.
pub(super) fn of_site(world: &World, webhook: &Webhook) -> Value {
    let site = world.list(webhook.list).ok().and_then(|list| world.site_of(list.site));
    json!({
        "subscriptionId": webhook.id,
        "clientState": webhook.client_state,
        "expirationDateTime": format!("{}Z", ticks_time(webhook.expires)),
        "resource": webhook.list,
        "tenantId": world.tenant.tenant_id,
        "siteUrl": site.map(|site| format!("/{}", site.path)),
        "webId": site.map(|site| site.web),
    })
}

fn merge(into: &mut Value, more: Value) {
    if let (Some(into), Value::Object(more)) = (into.as_object_mut(), more) {
        into.extend(more);
    }
}
