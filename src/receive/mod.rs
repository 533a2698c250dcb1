//! Stage 1: Office 365's requests are answered, and what they announce is stored.
//!
//! What this stage guarantees:
//! * A handshake is answered before everything else, with no storage, lock or network on its way, since creating
//!   a subscription hangs on it.
//! * What was answered with 202 is durable in the inbox, was dropped because its `clientState` is not one of
//!   ours, or belongs to nothing that is followed. What could not be stored within 2.4 s is answered
//!   with 503 and comes again.
//! * Where networks are configured, nothing of the above is done for a request from elsewhere.
//! * A handler never sees a byte that was not verified: the extractor `Verified` reads, parses and
//!   checks, and hands on hints.
//!
//! What it does not: order, single delivery (Office 365 repeats), or knowledge of what changed. Everything said
//! in a notification but whose it is and which lifecycle event it tells is dropped. Only encrypted content is
//! kept, sealed and unread: whether it is genuine is not decided while Office 365 waits.
//!
//! Races, and the decision on each:
//! * *A notification arrives before the create call has returned.* Its `clientState` is derived from our own id,
//!   so it is recognised and stored without knowing the remote subscription.
//! * *A notification of a subscription that was just removed.* Genuine, but the store no longer follows it:
//!   202, nothing stored; an error would only bring it back.
//! * *The store commits just after the time limit.* The answer was 503 although the hints are stored; they come
//!   again, and another hint for the same round costs nothing.
//! * *The process dies between commit and wake-up.* The loops look at the store when they start; a signal that
//!   was lost costs latency only.

mod content;
mod element;
pub mod handshake;
pub mod judge;
mod outcome;
mod packed;
mod source;
mod verified;

use std::sync::Arc;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::{Next, from_fn};
use actix_web::{Error, HttpResponse, guard, web};

use crate::clock::{Clock, Stopwatch};
use crate::metrics::Metrics;
use crate::model::HintKind;
use crate::reputation::Reputation;
use crate::seal::{ClientStates, Sealer};
use crate::store::{Inbox, Receipt, StoreError};
use crate::tasks::{Seldom, Signal};
use outcome::Outcome;
pub use source::Sources;
use verified::Verified;
pub use verified::Workload;

/// The whole of a request, from its head to its answer. Graph counts an answer after 3 s as slow, and holds
/// everything back for ten minutes when a tenth of them are (`change-notifications-delivery-webhooks`); the
/// rest is for the way there and back.
const ANSWER_WITHIN: Duration = Duration::from_millis(2400);
/// When to come again after a 503, in seconds. Office 365 keeps its own schedule; proxies and people read this.
const RETRY_AFTER: &str = "10";

/// Answers Office 365 and stores what it announces.
pub struct Receiver {
    /// The time, and limits on waiting.
    pub clock: Clock,
    /// Where hints are stored.
    pub inbox: Arc<dyn Inbox>,
    /// Counts what arrives.
    pub metrics: Arc<Metrics>,
    /// Tells our own notifications from everybody else's.
    pub client_states: ClientStates,
    /// Seals encrypted content; none: it is not kept, and its notification is a hint like any other.
    pub sealer: Option<Arc<Sealer>>,
    /// Raised when a hint was stored.
    pub fetch: Signal,
    /// Raised when a lifecycle event was stored.
    pub renew: Signal,
    /// The largest body read, in bytes.
    pub body_limit: usize,
    /// How many hints may be on their way to the inbox at the same time.
    pub workload: Workload,
    /// Who may send notifications.
    pub sources: Sources,
    /// Keeps the log from being flooded while the store fails.
    pub unstored: Seldom,
    /// The same, while contents find no room.
    pub overfull: Seldom,
    /// Only handshakes are answered, by somebody who can store nothing: notifications have to come again.
    pub stands_in: bool,
}

/// Everything the notification port serves. Both addresses take both kinds of notification; Graph is told two
/// only because it wants them named.
pub fn routes(cfg: &mut web::ServiceConfig, receiver: &Arc<Receiver>) {
    for path in ["/notifications", "/lifecycle"] {
        let (asked, stands_in) = (Arc::clone(receiver), receiver.stands_in);
        cfg.service(
            web::resource(path)
                .app_data(web::Data::from(Arc::clone(receiver)))
                .route(
                    web::route()
                        .guard(guard::fn_guard(move |request| asked.refuses(request.head())))
                        .to(source::refusal),
                )
                .route(
                    web::route()
                        .guard(guard::Any(guard::Get()).or(guard::Post()))
                        .guard(guard::fn_guard(|request| handshake::is_one(request.head().uri.query())))
                        .to(handshake::answer)
                        .wrap(from_fn(judged)),
                )
                .route(web::post().guard(guard::fn_guard(move |_| stands_in)).to(later))
                .route(web::post().to(store).wrap(from_fn(measured)))
                .route(web::head().to(HttpResponse::Ok))
                .default_service(web::to(only_post)),
        );
    }
}

async fn later() -> HttpResponse {
    HttpResponse::ServiceUnavailable().insert_header((header::RETRY_AFTER, RETRY_AFTER)).finish()
}

async fn only_post() -> HttpResponse {
    HttpResponse::MethodNotAllowed().insert_header((header::ALLOW, "POST")).finish()
}

/// Times every answer to a notification, refusals included.
async fn measured(
    receiver: web::Data<Receiver>,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let under_way = UnderWay::begin(&receiver);
    let answer = next.call(request).await;
    receiver.metrics.acknowledged(under_way.end(answer.as_ref().ok()));
    answer
}

/// Counts an answer to a handshake; it is no notification.
async fn judged(
    receiver: web::Data<Receiver>,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let under_way = UnderWay::begin(&receiver);
    let answer = next.call(request).await;
    under_way.end(answer.as_ref().ok());
    answer
}

/// A request that is not answered yet, for the endpoint's reputation. If it is dropped, its sender has left.
struct UnderWay<'a> {
    receiver: &'a Receiver,
    watch: Stopwatch,
    ended: bool,
}

impl<'a> UnderWay<'a> {
    fn begin(receiver: &'a Receiver) -> Self {
        Self { receiver, watch: receiver.clock.stopwatch(), ended: false }
    }

    /// Ends it with its answer; says how long that took.
    fn end<B>(mut self, answer: Option<&ServiceResponse<B>>) -> Duration {
        self.ended = true;
        let took = self.watch.elapsed();
        // What the sender is to blame for says nothing about us.
        if answer.is_some_and(|answer| !answer.status().is_client_error()) {
            self.count(took);
        }
        took
    }

    fn count(&self, took: Duration) {
        self.receiver.metrics.reputation().answered(self.receiver.clock.now(), took);
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let took = self.watch.elapsed();
        if !self.ended && Reputation::is_slow(took) {
            self.count(took);
        }
    }
}

async fn store(receiver: web::Data<Receiver>, verified: Verified) -> HttpResponse {
    let kinds: Vec<HintKind> = verified.hints.iter().map(|hint| hint.kind).collect();
    if kinds.is_empty() {
        return HttpResponse::Accepted().finish();
    }
    let time_left = ANSWER_WITHIN.saturating_sub(verified.since.elapsed());
    match receiver.clock.timeout(time_left, receiver.inbox.append(verified.hints)).await {
        Ok(Ok(receipts)) => {
            receiver.stored(&kinds, &receipts);
            HttpResponse::Accepted().finish()
        }
        Ok(Err(error)) => receiver.unstored(&kinds, Some(&error)),
        Err(_) => receiver.unstored(&kinds, None),
    }
}

impl Receiver {
    fn stored(&self, kinds: &[HintKind], receipts: &[Receipt]) {
        let outcome = |receipt: &Receipt| match receipt {
            Receipt::Stored(_) => Outcome::Stored,
            Receipt::Bare(_) => Outcome::Bare,
            Receipt::Elided => Outcome::Elided,
            Receipt::Unknown => Outcome::Unknown,
        };
        self.count_all(kinds.iter().zip(receipts).map(|(kind, receipt)| (Some(*kind), outcome(receipt))));
        let stored = || {
            let all = kinds.iter().zip(receipts);
            all.filter_map(|(kind, receipt)| {
                matches!(receipt, Receipt::Stored(_) | Receipt::Bare(_)).then_some(*kind)
            })
        };
        if receipts.iter().any(|receipt| matches!(receipt, Receipt::Bare(_)))
            && self.overfull.lets_through(self.clock.now())
        {
            tracing::warn!(
                "Encrypted contents are not kept, since too many of a subscription wait: it is paused or fails; what has \
                 changed is fetched once it goes on"
            );
        }
        if stored().next().is_some() {
            self.fetch.raise();
        }
        if stored().any(|kind| kind != HintKind::Change) {
            self.renew.raise();
        }
    }

    fn unstored(&self, kinds: &[HintKind], error: Option<&StoreError>) -> HttpResponse {
        self.count_all(kinds.iter().map(|kind| (Some(*kind), Outcome::Unstored)));
        let reason = error.map_or_else(|| "it did not answer in time".to_owned(), ToString::to_string);
        if self.unstored.lets_through(self.clock.now()) {
            tracing::error!(
                hints = kinds.len(),
                reason,
                "could not store notifications; these and later ones will be sent again, until they can be"
            );
        }
        HttpResponse::ServiceUnavailable().insert_header((header::RETRY_AFTER, RETRY_AFTER)).finish()
    }

    /// Counts elements of a request; those that follow one another mostly count the same.
    fn count_all(&self, elements: impl Iterator<Item = (Option<HintKind>, Outcome)>) {
        let mut alike: Option<((Option<HintKind>, Outcome), u64)> = None;
        for element in elements {
            match &mut alike {
                Some((same, number)) if *same == element => *number += 1,
                _ => {
                    if let Some(((kind, outcome), number)) = alike.replace((element, 1)) {
                        self.count(kind, outcome, number);
                    }
                }
            }
        }
        if let Some(((kind, outcome), number)) = alike {
            self.count(kind, outcome, number);
        }
    }

    /// Counts elements of a request under the labels of `o365_notifications_total`: `kind` is `change`,
    /// `lifecycle`, `lifecycle_unknown` for a lifecycle event that this version does not know, or `unknown` for what
    /// could not be read.
    fn count(&self, kind: Option<HintKind>, outcome: Outcome, number: u64) {
        let kind = match kind {
            Some(HintKind::Change) => "change",
            Some(HintKind::UnknownLifecycle) => "lifecycle_unknown",
            Some(_) => "lifecycle",
            None => "unknown",
        };
        self.metrics.notified(kind, outcome.label(), number);
    }
}
