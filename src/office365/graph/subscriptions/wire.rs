//! Remote subscriptions as they are sent, and told.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use url::Url;

use super::super::super::Failure;
use super::super::Accepted;
use crate::model::{CertificateId, RemoteId, Target};

/// A remote subscription to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewRemote<'a> {
    /// What to follow.
    pub target: &'a Target,
    /// Where notifications go.
    pub notification_url: &'a Url,
    /// Where lifecycle notifications go.
    pub lifecycle_url: &'a Url,
    /// What proves that a notification is ours.
    pub client_state: &'a str,
    /// When it shall end.
    pub expires_at: DateTime<Utc>,
    /// Messages: properties beside the default ones that content shall have.
    pub select: &'a [String],
    /// For whom the content of its notifications is encrypted; none: they bring no content.
    pub recipient: Option<&'a Recipient>,
}

impl<'a> NewRemote<'a> {
    /// The renewal that makes one that is held already what this one was to be.
    pub const fn renewal_of(&self, id: &'a RemoteId) -> Renew<'a> {
        let Self { target, client_state, expires_at, recipient, .. } = *self;
        Renew { target: Some(target), id, client_state, expires_at, recipient }
    }
}

/// Whom content is encrypted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// What the certificate is called; comes back with each content.
    pub certificate_id: CertificateId,
    /// The certificate, in DER.
    pub certificate: Vec<u8>,
}

/// A remote subscription to be renewed.
#[derive(Debug, Clone, Copy)]
pub struct Renew<'a> {
    /// What it follows; none: what Graph has told of, without anything more being known.
    pub target: Option<&'a Target>,
    /// Its id.
    pub id: &'a RemoteId,
    /// What proves that a notification is ours. Graph keeps what it was told at the creation.
    pub client_state: &'a str,
    /// When it shall end.
    pub expires_at: DateTime<Utc>,
    /// For whom its content is encrypted from now on; none: as it is.
    pub recipient: Option<&'a Recipient>,
}

/// A remote subscription as Office 365 told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteSubscription {
    /// Its id.
    pub id: RemoteId,
    /// When it ends; not always what was asked for.
    pub expires_at: DateTime<Utc>,
    /// What it follows, as it was sent; empty where the answer does not say.
    pub resource: String,
    /// The kinds of change it announces, separated by commas.
    pub change_type: String,
    /// Where its notifications go.
    pub notification_url: Option<String>,
    /// What it proves its notifications with, where that is told: Graph never shows it.
    pub client_state: Option<String>,
    /// Office 365's time of the answer.
    pub at: DateTime<Utc>,
}

impl RemoteSubscription {
    /// What Office 365 tells subscriptions of an app apart by: there is one at most for each.
    pub fn combination(&self) -> String {
        combination(&self.resource, &self.change_type)
    }
}

/// Resource and kinds of change, however they are written. Options of the resource (`?$select=…`) do not count: there
/// can be only one, whatever it selects.
pub(super) fn combination(resource: &str, change_type: &str) -> String {
    let resource = resource.split('?').next().unwrap_or_default().trim_matches('/');
    let kinds: BTreeSet<String> = change_type.split(',').map(|kind| kind.trim().to_lowercase()).collect();
    let kinds: Vec<String> = kinds.into_iter().collect();
    format!("{} {}", resource.to_lowercase(), kinds.join(","))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Creation<'a> {
    pub(super) change_type: &'static str,
    pub(super) notification_url: &'a str,
    pub(super) lifecycle_notification_url: &'a str,
    pub(super) resource: String,
    pub(super) expiration_date_time: String,
    pub(super) client_state: &'a str,
    pub(super) latest_supported_tls_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) include_resource_data: Option<bool>,
    #[serde(flatten)]
    pub(super) encryption: Option<Encryption<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Encryption<'a> {
    encryption_certificate: String,
    encryption_certificate_id: &'a CertificateId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::office365::graph) struct Renewal<'a> {
    expiration_date_time: String,
    #[serde(flatten)]
    encryption: Option<Encryption<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireSubscription {
    id: String,
    expiration_date_time: DateTime<Utc>,
    resource: Option<String>,
    change_type: Option<String>,
    notification_url: Option<String>,
}

impl WireSubscription {
    pub(super) fn told(self, at: DateTime<Utc>) -> RemoteSubscription {
        RemoteSubscription {
            id: RemoteId(self.id),
            expires_at: self.expiration_date_time,
            resource: self.resource.unwrap_or_default(),
            change_type: self.change_type.unwrap_or_default(),
            notification_url: self.notification_url,
            client_state: None,
            at,
        }
    }
}

/// A page of the list.
#[derive(Deserialize)]
pub(super) struct WireList {
    pub(super) value: Vec<WireSubscription>,
    #[serde(rename = "@odata.nextLink")]
    pub(super) next: Option<String>,
}

impl<'a> Renew<'a> {
    pub(in crate::office365::graph) fn body(&self) -> Renewal<'a> {
        let encryption = self.recipient.map(Recipient::encryption);
        Renewal { expiration_date_time: wire_time(self.expires_at), encryption }
    }
}

impl Recipient {
    pub(super) fn encryption(&self) -> Encryption<'_> {
        Encryption {
            encryption_certificate: STANDARD.encode(&self.certificate),
            encryption_certificate_id: &self.certificate_id,
        }
    }
}

pub(super) fn wire_time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

pub(super) fn read(answer: &Accepted) -> Result<RemoteSubscription, Failure> {
    let wire: WireSubscription = answer.json("subscription")?;
    Ok(wire.told(answer.at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn dates_come_with_seven_digits_and_any_offset() {
        for (written, expected) in [
            ("2026-11-30T09:00:00Z", "2026-11-30T09:00:00Z"),
            ("2026-11-30T09:00:00.1234567Z", "2026-11-30T09:00:00.123456700Z"),
            ("2026-11-30T11:00:00+02:00", "2026-11-30T09:00:00Z"),
        ] {
            let body = json!({"id": "s", "expirationDateTime": written, "clientState": null, "new": {}});
            let answer = Accepted { body: body.to_string().into_bytes(), at: DateTime::UNIX_EPOCH };
            let expires_at = read(&answer).unwrap().expires_at;
            assert_eq!(expires_at, expected.parse::<DateTime<Utc>>().unwrap(), "{written}");
        }
    }

    #[test]
    fn two_are_the_same_by_resource_and_kinds_of_change_however_they_are_written() {
        let mail = combination("/users/u/mailFolders/f/messages", "created,updated,deleted");
        for (resource, change_type, same) in [
            ("users/U/mailfolders/F/messages", "created,updated,deleted", true),
            ("/users/u/mailFolders/f/messages?$select=subject", "deleted, Updated,created", true),
            ("/users/u/mailFolders/f/messages", "updated", false),
            ("/users/u/messages", "created,updated,deleted", false),
            ("", "", false),
        ] {
            assert_eq!(combination(resource, change_type) == mail, same, "{resource} {change_type}");
        }
    }
}
