//! RFC 9457 problem documents: the one shape of every error.

use std::fmt;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::error::{JsonPayloadError, PathError, QueryPayloadError};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{Error, HttpRequest, HttpResponse, ResponseError, web};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::store::{ReadError, StoreError};

/// Largest JSON body read, in bytes; the largest sensible one has a few hundred.
pub(super) const BODY_LIMIT: usize = 64 * 1024;
/// When to come again after the store was not available.
const STORE_RETRY: Duration = Duration::from_secs(5);

/// Why a call is not answered as asked.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
    members: Map<String, Value>,
    header: Option<Box<(HeaderName, HeaderValue)>>,
}

/// As it is sent. The status says what kind of problem it is, so `type` is `about:blank`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(super) struct Document<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    /// What happened, and what to do about it.
    detail: &'a str,
    #[serde(flatten)]
    members: &'a Map<String, Value>,
}

impl Problem {
    /// A problem with what happened and what to do about it.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), members: Map::new(), header: None }
    }

    /// Adds a member for programs to read.
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.members.insert(member.to_owned(), value.into());
        self
    }

    /// Says when to come again.
    pub fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Sends a header along.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some(Box::new((name, value)));
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut answer = HttpResponse::build(self.status);
        if let Some(header) = &self.header {
            answer.insert_header((**header).clone());
        }
        let document = Document {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            detail: &self.detail,
            members: &self.members,
        };
        answer.insert_header((header::CONTENT_TYPE, "application/problem+json")).json(document)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a call of the API failed in the store");
        match error {
            StoreError::Broken { .. } => Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
            _ => Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()).retry_after(STORE_RETRY),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Expired { oldest, .. } => {
                Self::new(StatusCode::GONE, error.to_string()).with("oldest", oldest.to_string())
            }
            ReadError::Store(error) => error.into(),
        }
    }
}

/// Answers what no call was found for.
pub(super) async fn unknown_address(request: HttpRequest) -> HttpResponse {
    let detail = format!("there is nothing at {}", request.path());
    Problem::new(StatusCode::NOT_FOUND, detail).error_response()
}

/// Answers a method that the address does not take.
pub(super) fn method_not_allowed(request: &HttpRequest, allow: &str) -> HttpResponse {
    let detail = format!("{} does not take {}, only {allow}", request.path(), request.method());
    let mut answer = Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail).error_response();
    if let Ok(allow) = HeaderValue::from_str(allow) {
        answer.headers_mut().insert(header::ALLOW, allow);
    }
    answer
}

/// Makes what actix-web refuses by itself a problem, too.
pub(super) fn explain_extractors(cfg: &mut web::ServiceConfig) {
    cfg.app_data(web::JsonConfig::default().limit(BODY_LIMIT).error_handler(|error, _| body(&error)))
        .app_data(web::PayloadConfig::new(BODY_LIMIT))
        .app_data(web::QueryConfig::default().error_handler(|error, _| query(&error)))
        .app_data(
            web::PathConfig::default()
                .error_handler(|error, _| Problem::new(StatusCode::NOT_FOUND, path(&error)).into()),
        );
}

/// Nobody reads that much.
pub(super) fn too_large() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {BODY_LIMIT} bytes"))
}

/// What is wrong with a name in an address, without whose error it is.
fn path(error: &PathError) -> String {
    match error {
        PathError::Deserialize(error) => error.to_string(),
        _ => error.to_string(),
    }
}

/// How the library begins what it says of a text that should be a time.
const NO_TIME: [&str; 6] = [
    "input contains invalid characters",
    "input is out of range",
    "input is not enough",
    "no possible date and time",
    "premature end of input",
    "trailing input",
];

/// What is wrong with a body, in the words of somebody who sends JSON.
pub(super) fn unreadable(error: &serde_json::Error) -> Problem {
    let said = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let no_object = said.starts_with("invalid length ") || said.contains(", expected struct ");
    let detail = match (error.line(), error.column()) {
        (1, 0) if error.is_eof() => "there is no body: send a JSON object, {…}".to_owned(),
        _ if no_object => "the body is no JSON object: send one, {…}".to_owned(),
        _ => match said.strip_suffix(&place) {
            Some(said) if NO_TIME.iter().any(|no_time| said.starts_with(no_time)) => format!(
                "a time is wanted, such as 2026-11-27T05:00:00Z (line {}, column {} of the body)",
                error.line(),
                error.column()
            ),
            Some(said) => format!("{said} (line {}, column {} of the body)", error.line(), error.column()),
            None => said,
        },
    };
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

fn body(error: &JsonPayloadError) -> Error {
    let problem = match error {
        JsonPayloadError::OverflowKnownLength { .. } | JsonPayloadError::Overflow { .. } => too_large(),
        JsonPayloadError::ContentType => Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send JSON, with the header Content-Type: application/json",
        ),
        JsonPayloadError::Deserialize(error) => unreadable(error),
        _ => Problem::new(StatusCode::BAD_REQUEST, error.to_string()),
    };
    problem.into()
}

fn query(error: &QueryPayloadError) -> Error {
    let detail = match error {
        QueryPayloadError::Deserialize(error) => error.to_string(),
        _ => error.to_string(),
    };
    Problem::new(StatusCode::BAD_REQUEST, format!("the query cannot be read: {detail}")).into()
}
