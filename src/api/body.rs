//! Bodies of calls: they are small, and come at once or not at all.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::middleware::Next;
use actix_web::web::{Bytes, BytesMut};
use actix_web::{Error, HttpMessage as _, ResponseError as _, web};
use futures_util::StreamExt as _;

use super::Api;
use super::problem::{BODY_LIMIT, Problem, too_large};

/// How long one may take to come.
const LONGEST: Duration = Duration::from_secs(5);

/// An answer to a call whose body has not come to its end. As long as that is held the connection is closed after the answer;
/// let go before, a body without an end would be read on and on.
struct Unread {
    answer: BoxBody,
    _rest: Payload,
}

impl MessageBody for Unread {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.answer.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.answer).poll_next(cx)
    }
}

/// Lets calls through whose body is there.
pub(super) async fn in_time(
    api: web::Data<Api>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let mut payload = request.take_payload();
    let problem = match api.clock.timeout(LONGEST, read(&mut payload)).await {
        Ok(Ok(Some(body))) => {
            request.set_payload(Payload::from(body));
            return next.call(request).await.map(ServiceResponse::map_into_boxed_body);
        }
        Ok(Ok(None)) => too_large(),
        Ok(Err(error)) => Problem::new(StatusCode::BAD_REQUEST, format!("the body cannot be read: {error}")),
        Err(_) => {
            let seconds = LONGEST.as_secs();
            Problem::new(StatusCode::REQUEST_TIMEOUT, format!("the body did not come within {seconds} s"))
        }
    };
    request.set_payload(payload);
    Ok(refuse(request, &problem))
}

/// None: it is longer than any may be.
async fn read(payload: &mut Payload) -> Result<Option<Bytes>, PayloadError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        body.extend_from_slice(&chunk?);
        if body.len() > BODY_LIMIT {
            return Ok(None);
        }
    }
    Ok(Some(body.freeze()))
}

/// Answers a call whose body was not read to its end.
pub(super) fn refuse(mut request: ServiceRequest, problem: &Problem) -> ServiceResponse<BoxBody> {
    let rest = request.take_payload();
    let answer = problem.error_response().map_body(|_, answer| Unread { answer, _rest: rest });
    request.into_response(answer.map_into_boxed_body())
}
