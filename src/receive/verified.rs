use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap};
use actix_web::{Error, FromRequest, HttpRequest, HttpResponse, ResponseError, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use super::judge::{Judged, judge};
use super::{ANSWER_WITHIN, Outcome, Receiver, content};
use crate::clock::Stopwatch;
use crate::model::{ArrivedContent, Hint, HintKind};

/// A notification request that was read, parsed and checked: what is left of it is our own.
pub(super) struct Verified {
    /// What its genuine elements announce, in their order.
    pub hints: Vec<Hint>,
    /// Started when reading began.
    pub since: Stopwatch,
}

impl FromRequest for Verified {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let receiver = web::Data::<Receiver>::extract(request);
        let (request, body) = (request.clone(), payload.take());
        Box::pin(async move { Ok(receiver.await?.verify(request.headers(), body).await?) })
    }
}

/// Why a request is refused at once. If Office 365 sends it again, it is refused again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Refused {
    #[error("the body is larger than allowed")]
    TooLarge,
    /// Office 365 never compresses, and unpacking strangers' bytes is a risk.
    #[error("the body is compressed")]
    Encoded,
    #[error("the body did not arrive in time")]
    TooSlow,
    #[error("the body broke off")]
    Broken,
    #[error("the body holds no notification")]
    Malformed,
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Encoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken | Self::Malformed => StatusCode::BAD_REQUEST,
        }
    }

    fn error_response(&self) -> HttpResponse {
        // What is left of the body is not read, so nothing can follow on this connection.
        HttpResponse::build(self.status_code()).force_close().finish()
    }
}

impl Receiver {
    async fn verify(&self, headers: &HeaderMap, body: Payload) -> Result<Verified, Refused> {
        let since = self.clock.stopwatch();
        let judged = self.read(headers, body).await.and_then(|body| {
            let judged = judge(&body, &self.client_states, self.clock.now()).ok_or(Refused::Malformed)?;
            // Most bodies say nothing beside the hints, and are not read a second time.
            let contents = if self.sealer.is_some() && judged.iter().any(Judged::may_bring_content) {
                content::of(&body, self.body_limit)
            } else {
                Vec::new()
            };
            Ok((judged, contents))
        });
        if let Err(reason) = &judged {
            self.count(None, Outcome::Malformed);
            tracing::debug!(%reason, "refused a notification request");
        }
        let (judged, contents) = judged?;
        Ok(Verified { hints: self.genuine(judged, contents), since })
    }

    async fn read(&self, headers: &HeaderMap, body: Payload) -> Result<Bytes, Refused> {
        acceptable(headers, self.body_limit)?;
        let read = read_up_to(self.body_limit, body);
        self.clock.timeout(ANSWER_WITHIN, read).await.unwrap_or(Err(Refused::TooSlow))
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
                self.count(Some(kind), Outcome::Forged);
                None
            }
            (Judged::Malformed, _) => {
                self.count(None, Outcome::Malformed);
                None
            }
        };
        judged.into_iter().filter_map(keep).collect()
    }
}

/// What the head alone tells.
fn acceptable(headers: &HeaderMap, limit: usize) -> Result<(), Refused> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if text(CONTENT_ENCODING).is_some_and(|encoding| !encoding.trim().eq_ignore_ascii_case("identity")) {
        return Err(Refused::Encoded);
    }
    match text(CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok()) {
        Some(length) if length > limit => Err(Refused::TooLarge),
        _ => Ok(()),
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
