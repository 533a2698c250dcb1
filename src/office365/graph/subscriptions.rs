//! Remote subscriptions: create, renew, find, delete.

mod wire;

use std::collections::HashSet;

use reqwest::Method;
use tokio_util::sync::CancellationToken;

use super::super::throttle::Area;
use super::super::{Failure, Patience, REPEATED_LINK, Verdict, handshake};
use super::resources::{self, name_permission};
use super::{Accepted, Call, Graph, HANDSHAKE, PAGE, lifetime};
use crate::model::{Kind, RemoteId, Target};
pub(super) use wire::Renewal;
use wire::{Creation, WireList, combination, read, wire_time};
pub use wire::{NewRemote, Recipient, RemoteSubscription, Renew};

/// Microsoft's oldest accepted version; it may use a later one.
const TLS_VERSION: &str = "v1_2";
/// Only at creation can be chosen that messages keep their id when they are moved.
const IMMUTABLE_IDS: &str = r#"IdType="ImmutableId""#;

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
