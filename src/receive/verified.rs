use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap, RETRY_AFTER as RETRY_AFTER_HEADER};
use actix_web::{Error, FromRequest, HttpRequest, HttpResponse, ResponseError, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::judge::{Judged, judge_headed};
use super::packed::{Packing, unpack};
use super::{ANSWER_WITHIN, Outcome, RETRY_AFTER, Receiver, content};
use crate::clock::Stopwatch;
use crate::model::{ArrivedContent, Hint, HintKind};
use crate::port::Connection;

/// Hints that may be on their way to the inbox at the same time, in requests not yet answered: what a store that does
/// well takes in a second. More would only be answered too late.
const MOST_AT_ONCE: u32 = 1 << 16;

/// Where SharePoint says the `clientState` beside the body.
const CLIENT_STATE: &str = "ClientState";

/// The hints that are on their way to the inbox.
#[derive(Debug, Clone)]
pub struct Workload(Arc<Semaphore>);

/// A notification request that was read, parsed and checked: what is left of it is our own.
pub(super) struct Verified {
    /// What its genuine elements announce, in their order.
    pub hints: Vec<Hint>,
    /// Started when reading began.
    pub since: Stopwatch,
    /// Its share of the workload, until it is answered.
    _share: OwnedSemaphorePermit,
}

impl FromRequest for Verified {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let receiver = web::Data::<Receiver>::extract(request);
        let (request, body) = (request.clone(), payload.take());
        Box::pin(async move { Ok(receiver.await?.verify(&request, body).await?) })
    }
}

/// Why a request is refused at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("the body is larger than allowed")]
    TooLarge,
    #[error("the body is packed in a way that is not known")]
    Encoded,
    #[error("the body did not arrive in time")]
    TooSlow,
    #[error("the body broke off")]
    Broken,
    #[error("the body holds no notification")]
    Malformed,
    /// The only one that is worth sending again.
    #[error("too many notifications are waiting for the store")]
    Busy,
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Encoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken | Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status_code());
        match self {
            Self::Busy => answer.insert_header((RETRY_AFTER_HEADER, RETRY_AFTER)).finish(),
            // What is left of the body is not read, so nothing can follow on this connection.
            _ => answer.force_close().finish(),
        }
    }
}

impl Default for Workload {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(usize::try_from(MOST_AT_ONCE).unwrap_or(Semaphore::MAX_PERMITS))))
    }
}

impl Workload {
    /// A share for these many hints, if there is room for them. A request of its own is never too large.
    fn share(&self, hints: usize) -> Option<OwnedSemaphorePermit> {
        let hints = u32::try_from(hints).map_or(MOST_AT_ONCE, |hints| hints.min(MOST_AT_ONCE));
        self.0.clone().try_acquire_many_owned(hints).ok()
    }
}

impl Receiver {
    async fn verify(&self, request: &HttpRequest, body: Payload) -> Result<Verified, Refused> {
        let since = self.clock.stopwatch();
        let body = self.read(request.headers(), body).await;
        if let Some(connection) = request.conn_data::<Arc<Connection>>() {
            connection.received();
        }
        let body = body.and_then(|(packing, body)| unpack(packing, body, self.body_limit));
        let state = request.headers().get(CLIENT_STATE).and_then(|value| value.to_str().ok());
        let judged = body.and_then(|body| self.judge(&body, state));
        if let Err(reason) = &judged {
            self.count(None, Outcome::Malformed, 1);
            tracing::debug!(%reason, "refused a notification request");
        }
        let (judged, contents) = judged?;
        let hints = self.genuine(judged, contents);
        let Some(share) = self.workload.share(hints.len()) else {
            self.count_all(hints.iter().map(|hint| (Some(hint.kind), Outcome::Unstored)));
            return Err(Refused::Busy);
        };
        Ok(Verified { hints, since, _share: share })
    }

    async fn read(&self, headers: &HeaderMap, body: Payload) -> Result<(Packing, Bytes), Refused> {
        let packing = Packing::of(headers).ok_or(Refused::Encoded)?;
        let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|length| length > self.body_limit) {
            return Err(Refused::TooLarge);
        }
        let read = read_up_to(self.body_limit, body);
        let body = self.clock.timeout(ANSWER_WITHIN, read).await.unwrap_or(Err(Refused::TooSlow))?;
        Ok((packing, body))
    }

    /// The elements of a body, and what each brings beside its hint. `state` is the `clientState` that a header says.
    fn judge(
        &self,
        body: &[u8],
        state: Option<&str>,
    ) -> Result<(Vec<Judged>, Vec<Option<ArrivedContent>>), Refused> {
        let now = self.clock.now();
        let judged = judge_headed(body, state, &self.client_states, now).ok_or(Refused::Malformed)?;
        // Most bodies say nothing beside the hints, and are not read a second time.
        let contents = if self.sealer.is_some() && judged.iter().any(Judged::may_bring_content) {
            content::of(body, self.body_limit)
        } else {
            Vec::new()
        };
        Ok((judged, contents))
    }

    /// Counts what is not ours, and keeps the rest.
    fn genuine(&self, judged: Vec<Judged>, contents: Vec<Option<ArrivedContent>>) -> Vec<Hint> {
        let mut contents = contents.into_iter();
        let keep = |element| match (element, contents.next().flatten()) {
            (Judged::Genuine(hint), Some(arrived)) if hint.kind == HintKind::Change => {
                let sealer = self.sealer.as_ref();
                Some(Hint { content: sealer.and_then(|sealer| content::seal(sealer, &arrived)), ..hint })
            }
            (Judged::Genuine(hint), _) => Some(hint),
            (Judged::Forged(kind), _) => {
                self.count(Some(kind), Outcome::Forged, 1);
                None
            }
            (Judged::Malformed, _) => {
                self.count(None, Outcome::Malformed, 1);
                None
            }
        };
        judged.into_iter().filter_map(keep).collect()
    }
}

async fn read_up_to(limit: usize, mut body: Payload) -> Result<Bytes, Refused> {
    let mut read = BytesMut::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|_| Refused::Broken)?;
        if read.len() + chunk.len() > limit {
            return Err(Refused::TooLarge);
        }
        read.extend_from_slice(&chunk);
    }
    Ok(read.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_room_if_the_others_leave_some_and_always_if_it_is_alone() {
        let workload = Workload::default();
        let alone = workload.share(usize::MAX).unwrap();
        assert!(workload.share(1).is_none());
        drop(alone);
        let first = workload.share(60_000).unwrap();
        assert!(workload.share(6_000).is_none());
        let _second = workload.share(5_000).unwrap();
        drop(first);
        assert!(workload.share(60_000).is_some());
    }
}
