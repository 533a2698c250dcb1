//! Bodies of calls: they are small, and come at once or not at all.

use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError, web};

use super::Api;
use super::problem::{Problem, too_large};

/// How long one may take to come.
const LONGEST: Duration = Duration::from_secs(5);

/// Lets calls through whose body is there, so that one that never comes does not keep its connection for ever.
pub(super) async fn in_time(
    api: web::Data<Api>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let problem = match api.clock.timeout(LONGEST, request.extract::<web::Bytes>()).await {
        Ok(Ok(body)) => {
            request.set_payload(Payload::from(body));
            return next.call(request).await.map(ServiceResponse::map_into_boxed_body);
        }
        Ok(Err(error)) if error.as_response_error().status_code() == StatusCode::PAYLOAD_TOO_LARGE => {
            too_large()
        }
        Ok(Err(error)) => Problem::new(StatusCode::BAD_REQUEST, format!("the body cannot be read: {error}")),
        Err(_) => {
            let seconds = LONGEST.as_secs();
            Problem::new(StatusCode::REQUEST_TIMEOUT, format!("the body did not come within {seconds} s"))
        }
    };
    Ok(request.into_response(problem.error_response()))
}
