//! Notifications with resource data: what they hold is encrypted with the subscriber's certificate, and tokens prove
//! who sent them. Built from Microsoft's description (`change-notifications-with-resource-data`) alone.

mod encrypt;
mod recipient;
mod tokens;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub(crate) use recipient::Recipient;
pub(crate) use tokens::{TokenKey, discovery, signing_keys};

use super::graph::message_body;
use super::graph::subscriptions::{Subscription, Target};
use super::world::World;

/// How content is sent. Set under `/_control`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ContentBehaviour {
    /// 1 or 2: what the app registration's `requestedAccessTokenVersion` says.
    token_version: u8,
    /// What is wrong with what is sent from now on.
    fault: Option<ContentFault>,
}

impl Default for ContentBehaviour {
    fn default() -> Self {
        Self { token_version: 1, fault: None }
    }
}

/// Something that a receiver has to notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ContentFault {
    /// No validation token at all.
    NoToken,
    /// A token that nobody signed.
    Unsigned,
    /// A signature by another key than the one named.
    BadSignature,
    /// A key that is not published.
    UnknownKid,
    /// A token for another app.
    WrongAudience,
    /// A token of another tenant.
    ForeignTenant,
    /// An issuer that does not belong to the tenant.
    WrongIssuer,
    /// A token that was given to somebody else.
    WrongPublisher,
    /// A token that ended an hour ago.
    ExpiredToken,
    /// A certificate that was never given.
    UnknownCertificate,
    /// Encrypted with another key than that of the certificate.
    WrongKey,
    /// The MAC does not fit.
    BrokenMac,
    /// No JSON inside.
    NotJson,
}

/// Puts the encrypted content into a notification of a message, where it was asked for.
pub(super) fn attach(
    world: &mut World,
    subscription: &Subscription,
    (change_type, message): (&str, u64),
    body: &mut Value,
) {
    let Some(recipient) = &subscription.recipient else { return };
    let content = content(world, subscription, recipient, (change_type, message), body);
    let fault = world.settings.content.fault;
    let text = match fault {
        Some(ContentFault::NotJson) => "no JSON".to_owned(),
        _ => content.to_string(),
    };
    let mut key = [0; 32];
    for part in key.chunks_mut(8) {
        part.copy_from_slice(&world.random.next().to_be_bytes());
    }
    let sealed = encrypt::encrypt(recipient, text.into_bytes(), &key, fault);
    if let (Some(body), Some(sealed)) = (body.as_object_mut(), sealed) {
        body.insert("encryptedContent".to_owned(), sealed);
    }
}

/// What the message is at this moment; of one that has left, its id.
fn content(
    world: &World,
    subscription: &Subscription,
    recipient: &Recipient,
    (change_type, message): (&str, u64),
    body: &Value,
) -> Value {
    let Target::Messages { user, .. } = subscription.target else { return Value::Null };
    let mailbox = world.mailboxes.get(&user);
    let found = mailbox.and_then(|mailbox| Some((mailbox, mailbox.messages.get(&message)?)));
    let resource = match found {
        Some((mailbox, found)) if change_type != "deleted" => {
            message_body(mailbox, found, subscription.ids, Some(&recipient.select))
        }
        _ => json!({"id": body.pointer("/resourceData/id")}),
    };
    let context = format!("{}/v1.0/$metadata#users('{user}')/messages/$entity", world.tenant.url);
    let mut whole = Map::from_iter([("@odata.context".to_owned(), Value::from(context))]);
    if let Value::Object(resource) = resource {
        whole.extend(resource);
    }
    if whole.contains_key("receivedDateTime") {
        whole.insert("receivedDateTime@odata.type".to_owned(), Value::from("#DateTimeOffset"));
    }
    Value::Object(whole)
}

#[cfg(test)]
mod tests;
