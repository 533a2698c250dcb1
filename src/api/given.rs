//! A body that may be left out. One that is there must be right: to be taken for none could mean much more.

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use super::problem::{self, Problem};

/// What the body says, or what it says by default.
pub(super) struct Given<T>(pub T);

impl<T: Default + DeserializeOwned> FromRequest for Given<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let reading = web::Bytes::from_request(request, payload);
        Box::pin(async move {
            let body = reading.await.map_err(|error| match error.as_error() {
                Some(PayloadError::Overflow) => problem::too_large(),
                _ => Problem::new(StatusCode::BAD_REQUEST, error.to_string()),
            })?;
            if body.is_empty() {
                return Ok(Self(T::default()));
            }
            let read = serde_json::from_slice(&body);
            read.map(Self).map_err(|error| problem::unreadable(&error))
        })
    }
}
