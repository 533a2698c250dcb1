//! Webhooks of lists: create, renew, find, delete.
//!
//! Nothing announces that one ends, and an answer to a creation may show what is not so: where there is one for the same
//! list and address already, it is answered as if it were made, with its id and the new values, and what is held stays as
//! it was. So what was made is looked at before it is believed.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::super::connection::Limits;
use super::super::graph::{NewRemote, RemoteSubscription, Renew};
use super::super::throttle::Area;
use super::super::{Failure, Patience, Verdict, handshake};
use super::site::Site;
use super::{Body, Call, ListAt, SharePoint};
use crate::model::RemoteId;

/// Creating: the handshake with our address, five seconds and more, happens inside.
const HANDSHAKE: Limits = Limits { time: Duration::from_secs(60), bytes: 1024 * 1024 };

/// Into how many parts a life that is refused is divided, until one of them is accepted: Microsoft tells by nothing but the
/// status that it was too long.
const SHORTER: [i32; 2] = [2, 4];

/// Ends that differ by less are the same, written with another precision.
const SAME: TimeDelta = TimeDelta::minutes(1);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Creation<'a> {
    resource: String,
    notification_url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_date_time: Option<String>,
    client_state: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Renewal<'a> {
    expiration_date_time: String,
    client_state: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSubscription {
    id: String,
    expiration_date_time: DateTime<Utc>,
    resource: Option<String>,
    notification_url: Option<String>,
    client_state: Option<String>,
}

impl WireSubscription {
    fn told(self, at: DateTime<Utc>) -> RemoteSubscription {
        RemoteSubscription {
            id: RemoteId(self.id),
            expires_at: self.expiration_date_time,
            resource: self.resource.unwrap_or_default(),
            change_type: String::new(),
            notification_url: self.notification_url,
            client_state: self.client_state,
            at,
        }
    }
}

impl SharePoint {
    /// Makes one. Returns after our address has passed the handshake, and after a look at what is held now.
    pub(crate) async fn create(
        &self,
        list: ListAt<'_>,
        new: &NewRemote<'_>,
    ) -> Result<RemoteSubscription, Failure> {
        let site = self.site_of(list)?;
        let made = match self.post(&site, list, new, Some(new.expires_at)).await {
            // Perhaps it was to live too long. Without a word about that it lives as long as it may. Where the handshake was
            // why, it says so.
            Err(refusal) if is_bad_request(&refusal) && !handshake::is_why(&refusal) => {
                self.post(&site, list, new, None).await.map_err(|second| either(refusal, second))
            }
            answer => answer,
        };
        let made = made.map_err(|failure| {
            let failure = failure.naming("list at SharePoint any more to subscribe to");
            handshake::explained(new.notification_url, Patience::SHAREPOINT, failure)
        })?;
        let held = self.get(&site, list, &made.id).await.map_err(not_seen_yet)?;
        let is_new = held.client_state.as_deref() == Some(new.client_state)
            && (held.expires_at - made.expires_at).abs() < SAME;
        if is_new { Ok(held) } else { Err(exists(made.id)) }
    }

    /// Moves the end of one and says anew what its notifications are to be proven with; what is held then is looked at.
    pub(crate) async fn renew(
        &self,
        list: ListAt<'_>,
        renew: &Renew<'_>,
    ) -> Result<RemoteSubscription, Failure> {
        let site = self.site_of(list)?;
        let mut answer = self.patch(&site, list, renew, renew.expires_at).await;
        for part in SHORTER {
            if !answer.as_ref().is_err_and(is_bad_request) {
                break;
            }
            let now = self.clock.now();
            let shorter = now + (renew.expires_at - now) / part;
            answer = self.patch(&site, list, renew, shorter).await.map_err(|second| match answer {
                Err(first) => either(first, second),
                Ok(()) => second,
            });
        }
        answer.map_err(|failure| named(renew.id, failure))?;
        let held = self.get(&site, list, renew.id).await.map_err(|failure| named(renew.id, failure))?;
        if held.client_state.as_deref().is_some_and(|state| state != renew.client_state) {
            return Err(unchanged(renew.id));
        }
        Ok(held)
    }

    /// Reads one; none if SharePoint no longer has it.
    pub(crate) async fn find(
        &self,
        list: ListAt<'_>,
        id: &RemoteId,
    ) -> Result<Option<RemoteSubscription>, Failure> {
        match self.get(&self.site_of(list)?, list, id).await {
            Err(failure) if failure.verdict == Verdict::NotFound => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// Removes one; that it is not there is as good.
    pub(crate) async fn delete(&self, list: ListAt<'_>, id: &RemoteId) -> Result<(), Failure> {
        let site = self.site_of(list)?;
        let call = Call { method: Method::DELETE, ..one("delete subscription", &site, list, id) };
        match self.send(&call).await {
            Err(failure) if failure.verdict != Verdict::NotFound => Err(failure),
            _ => Ok(()),
        }
    }

    async fn post(
        &self,
        site: &Site,
        list: ListAt<'_>,
        new: &NewRemote<'_>,
        expires_at: Option<DateTime<Utc>>,
    ) -> Result<RemoteSubscription, Failure> {
        let creation = Creation {
            resource: list.resource(),
            notification_url: new.notification_url.as_str(),
            expiration_date_time: expires_at.map(wire_time),
            client_state: new.client_state,
        };
        let call = Call {
            method: Method::POST,
            body: Body::json(&creation),
            limits: HANDSHAKE,
            area: Area::Subscriptions,
            ..Call::get("create subscription", site, site.list(list, &["subscriptions"]))
        };
        let (wire, at) = self.read::<WireSubscription>(&call).await?;
        Ok(wire.told(at))
    }

    async fn patch(
        &self,
        site: &Site,
        list: ListAt<'_>,
        renew: &Renew<'_>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), Failure> {
        let renewal =
            Renewal { expiration_date_time: wire_time(expires_at), client_state: renew.client_state };
        let call = Call {
            method: Method::PATCH,
            body: Body::json(&renewal),
            ..one("renew subscription", site, list, renew.id)
        };
        self.send(&call).await.map(|_| ())
    }

    async fn get(&self, site: &Site, list: ListAt<'_>, id: &RemoteId) -> Result<RemoteSubscription, Failure> {
        let (wire, at) = self.read::<WireSubscription>(&one("read subscription", site, list, id)).await?;
        Ok(wire.told(at))
    }
}

/// A call about one.
fn one<'a>(operation: &'static str, site: &'a Site, list: ListAt<'_>, id: &RemoteId) -> Call<'a> {
    let piece = format!("subscriptions('{id}')");
    let url = site.list(list, &[piece.as_str()]);
    Call { area: Area::Subscriptions, ..Call::get(operation, site, url) }
}

fn is_bad_request(failure: &Failure) -> bool {
    failure.verdict == Verdict::Rejected && failure.status == Some(400)
}

/// What to tell of two refusals: the first, unless the second is about something else that has to be mended first.
fn either(first: Failure, second: Failure) -> Failure {
    if is_bad_request(&second) { first } else { second }
}

/// What was made just before is there, whatever a look says.
fn not_seen_yet(failure: Failure) -> Failure {
    match failure.verdict {
        Verdict::NotFound => Failure { verdict: Verdict::Transient, ..failure }
            .explained("SharePoint does not show yet what it has made; it is looked at again"),
        _ => failure,
    }
}

fn exists(id: RemoteId) -> Failure {
    let message = format!(
        "SharePoint has subscription {id} for this list and address already, and leaves it as it is whatever it is told"
    );
    Failure::local(Verdict::Conflict { existing: Some(id.0) }, "subscriptionExists", message)
}

fn unchanged(id: &RemoteId) -> Failure {
    let message = format!(
        "SharePoint has accepted a change of subscription {id}, and shows it unchanged: notifications would not be known \
         for ours; it is tried again"
    );
    Failure::local(Verdict::Transient, "unchanged", message)
}

fn named(id: &RemoteId, failure: Failure) -> Failure {
    failure.naming(format_args!("subscription {id} at SharePoint any more"))
}

fn wire_time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, false)
}
