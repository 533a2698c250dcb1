//! Remote subscriptions: create, renew, find, delete.

use std::collections::{BTreeSet, HashSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::super::throttle::Area;
use super::super::{Failure, Patience, REPEATED_LINK, Verdict, handshake};
use super::resources::{self, name_permission};
use super::{Accepted, Call, Graph, HANDSHAKE, PAGE, lifetime};
use crate::model::{CertificateId, Kind, RemoteId, Target};

/// Microsoft's oldest accepted version; it may use a later one.
const TLS_VERSION: &str = "v1_2";
/// Only at creation can be chosen that messages keep their id when they are moved.
const IMMUTABLE_IDS: &str = r#"IdType="ImmutableId""#;

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
fn combination(resource: &str, change_type: &str) -> String {
    let resource = resource.split('?').next().unwrap_or_default().trim_matches('/');
    let kinds: BTreeSet<String> = change_type.split(',').map(|kind| kind.trim().to_lowercase()).collect();
    let kinds: Vec<String> = kinds.into_iter().collect();
    format!("{} {}", resource.to_lowercase(), kinds.join(","))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Creation<'a> {
    change_type: &'static str,
    notification_url: &'a str,
    lifecycle_notification_url: &'a str,
    resource: String,
    expiration_date_time: String,
    client_state: &'a str,
    latest_supported_tls_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    include_resource_data: Option<bool>,
    #[serde(flatten)]
    encryption: Option<Encryption<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Encryption<'a> {
    encryption_certificate: String,
    encryption_certificate_id: &'a CertificateId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Renewal<'a> {
    expiration_date_time: String,
    #[serde(flatten)]
    encryption: Option<Encryption<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSubscription {
    id: String,
    expiration_date_time: DateTime<Utc>,
    resource: Option<String>,
    change_type: Option<String>,
    notification_url: Option<String>,
}

impl WireSubscription {
    fn told(self, at: DateTime<Utc>) -> RemoteSubscription {
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
struct WireList {
    value: Vec<WireSubscription>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

impl<'a> Renew<'a> {
    pub(super) fn body(&self) -> Renewal<'a> {
        let encryption = self.recipient.map(Recipient::encryption);
        Renewal { expiration_date_time: wire_time(self.expires_at), encryption }
    }
}

impl Recipient {
    fn encryption(&self) -> Encryption<'_> {
        Encryption {
            encryption_certificate: STANDARD.encode(&self.certificate),
            encryption_certificate_id: &self.certificate_id,
        }
    }
}

impl Graph {
    /// Makes one. Returns after both addresses have passed the handshake.
    pub(crate) async fn create(&self, new: NewRemote<'_>) -> Result<RemoteSubscription, Failure> {
        let body = Creation {
            change_type: change_types(new.target.kind()),
            notification_url: new.notification_url.as_str(),
            lifecycle_notification_url: new.lifecycle_url.as_str(),
            resource: self.subscribed(&new),
            expiration_date_time: wire_time(new.expires_at),
            client_state: new.client_state,
            latest_supported_tls_version: TLS_VERSION,
            include_resource_data: new.recipient.map(|_| true),
            encryption: new.recipient.map(Recipient::encryption),
        };
        let call = Call {
            method: Method::POST,
            prefer: (new.target.kind() == Kind::Message).then_some(IMMUTABLE_IDS),
            json: serde_json::to_vec(&body).ok(),
            limits: HANDSHAKE,
            ..self.subscriptions("create subscription", None)
        };
        let answer = self.send(&call).await.map_err(|failure| {
            let failure = failure.naming("resource to subscribe to, or its mailbox is not in the cloud");
            let patience = Patience::default();
            let failure = handshake::explained(new.notification_url, patience, failure);
            name_permission(new.target, lifetime::judged(failure))
        })?;
        read(&answer)
    }

    /// The resource as a subscription names it. Content has to be selected, and is the same as on a page.
    fn subscribed(&self, new: &NewRemote<'_>) -> String {
        let path = self.resource(new.target);
        match resources::representation(new.target, new.select) {
            Some((option, value)) if new.recipient.is_some() => format!("{path}?{option}={value}"),
            _ => path,
        }
    }

    /// Moves the end of one, and has its content encrypted for somebody else, if one is given.
    pub(crate) async fn renew(&self, renew: Renew<'_>) -> Result<RemoteSubscription, Failure> {
        let call = Call {
            method: Method::PATCH,
            json: serde_json::to_vec(&renew.body()).ok(),
            limits: HANDSHAKE,
            ..self.subscriptions("renew subscription", Some(renew.id))
        };
        let answer = self.send(&call).await;
        self.renewed(renew.id, answer).await
    }

    /// What became of a renewal. An answer that shows nothing is followed by a look.
    pub(super) async fn renewed(
        &self,
        id: &RemoteId,
        answer: Result<Accepted, Failure>,
    ) -> Result<RemoteSubscription, Failure> {
        let answer = answer.map_err(|failure| unrenewable(named(id, failure)))?;
        if !answer.body.is_empty() {
            return read(&answer);
        }
        self.get(id).await.map_err(|failure| named(id, failure))
    }

    /// Reads one; none if Office 365 no longer has it.
    pub(crate) async fn find(&self, id: &RemoteId) -> Result<Option<RemoteSubscription>, Failure> {
        match self.get(id).await {
            Err(failure) if failure.verdict == Verdict::NotFound => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// All that the app registration has in this tenant, whoever made them. After `stop` no further page is asked for.
    ///
    /// # Errors
    /// If any page is missing: half a list would make the rest look lost.
    pub(crate) async fn list(&self, stop: &CancellationToken) -> Result<Vec<RemoteSubscription>, Failure> {
        let mut call = Call { limits: PAGE, ..self.subscriptions("list subscriptions", None) };
        let (mut all, mut seen) = (Vec::new(), HashSet::new());
        while seen.insert(call.url.clone()) {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Err(stopped()),
                () = self.lists.turn(&self.clock) => {}
            }
            let (page, at) = self.read::<WireList>(&call).await?;
            all.extend(page.value.into_iter().map(|one| one.told(at)));
            let Some(next) = page.next else { return Ok(all) };
            call.url = self.base.follow(&next)?;
        }
        let message = "Office 365's list of subscriptions comes back to a page that was read already";
        Err(Failure::local(Verdict::Transient, REPEATED_LINK, message))
    }

    /// The [`RemoteSubscription::combination`] of a target.
    pub(crate) fn combination(&self, target: &Target) -> String {
        combination(&self.resource(target), change_types(target.kind()))
    }

    fn resource(&self, target: &Target) -> String {
        self.base.relative(resources::path(target))
    }

    /// Removes one; that it is not there is as good.
    pub(crate) async fn delete(&self, id: &RemoteId) -> Result<(), Failure> {
        let call = Call { method: Method::DELETE, ..self.subscriptions("delete subscription", Some(id)) };
        match self.send(&call).await {
            Err(failure) if failure.verdict != Verdict::NotFound => Err(failure),
            _ => Ok(()),
        }
    }

    async fn get(&self, id: &RemoteId) -> Result<RemoteSubscription, Failure> {
        read(&self.send(&self.subscriptions("read subscription", Some(id))).await?)
    }

    /// Subscriptions are counted by themselves, those of mailboxes too.
    fn subscriptions(&self, operation: &'static str, id: Option<&RemoteId>) -> Call {
        let path = ["subscriptions"].into_iter().chain(id.map(|id| id.0.as_str()));
        Call::get(operation, self.base.at(path), Area::Subscriptions)
    }
}

/// Drives and lists say only that something changed, and accept nothing else.
const fn change_types(kind: Kind) -> &'static str {
    match kind {
        Kind::Message => "created,updated,deleted",
        Kind::ListItem | Kind::DriveItem => "updated",
    }
}

fn stopped() -> Failure {
    Failure::local(Verdict::Transient, "stopped", "The listener stops before the list has come to its end")
}

fn wire_time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn read(answer: &Accepted) -> Result<RemoteSubscription, Failure> {
    let wire: WireSubscription = answer.json("subscription")?;
    Ok(wire.told(answer.at))
}

fn named(id: &RemoteId, failure: Failure) -> Failure {
    failure.naming(format_args!("subscription {id} at Office 365 any more"))
}

/// Where the same permissions were enough to create, they are enough to renew, but for what was created with others.
fn unrenewable(failure: Failure) -> Failure {
    match failure.verdict {
        Verdict::Forbidden => failure.explained(
            "Office 365 does not let the app registration renew what it could create: a permission was taken from it since, or \
             the subscription was made with other permissions and has to be deleted and made anew",
        ),
        _ => lifetime::judged(failure),
    }
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
