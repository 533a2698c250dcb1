//! `$batch`: several reads in one call, answered one after the other, each with a fate of its own.
//!
//! Parts carry no ids: the answers stand in the order of the questions. Changesets, in which writes come, are refused.

use std::fmt::Write as _;
use std::sync::Arc;

use actix_web::http::{Method, StatusCode};
use actix_web::web::Bytes;
use url::Url;

use super::error::{bad_query, refused};
use super::{SiteCall, answer as answer_one};
use crate::simulator::control::{Struck, take_fault};
use crate::simulator::error::GraphError;
use crate::simulator::server::Shared;
use crate::simulator::wire::{Answer, Body, Call, Outcome};

/// Parts in a batch at most.
const MOST: usize = 100;

/// Answers a batch.
pub(super) async fn answer(shared: &Arc<Shared>, call: &SiteCall<'_>) -> Outcome {
    let boundary = call.call.header("content-type").and_then(boundary_of);
    let boundary =
        boundary.ok_or_else(|| bad_query("A batch is of the type multipart/mixed, with a boundary."))?;
    let text = String::from_utf8_lossy(&call.call.body).replace("\r\n", "\n");
    let parts: Vec<&str> = text.split(&["--", boundary].concat()).skip(1).collect();
    // What follows the last boundary begins with the dashes that end it.
    let (Some(end), parts) = (parts.last(), parts.get(..parts.len().saturating_sub(1)).unwrap_or_default())
    else {
        return Err(bad_query("The batch has no parts."));
    };
    if !end.starts_with("--") || parts.is_empty() || parts.len() > MOST {
        return Err(bad_query("A batch has one to a hundred parts, and an end."));
    }
    let calls = parts.iter().map(|part| inner(call, part)).collect::<Result<Vec<_>, _>>()?;
    let name = format!("batchresponse_{}", shared.world().random.uuid());
    let mut body = String::new();
    for inner in &calls {
        let strike = take_fault(&mut shared.world(), inner, &inner.path);
        let outcome = match strike.struck {
            Some(Struck::Refused(error)) => Err(error),
            Some(Struck::Broken(_)) => Err(GraphError::new(503, "serviceNotAvailable", "")),
            None => Box::pin(answer_one(shared, inner)).await,
        };
        let answered = outcome.unwrap_or_else(|error| refused(inner, error));
        write_part(&mut body, &name, &answered);
    }
    let _ = write!(body, "--{name}--\r\n");
    let content_type = format!("multipart/mixed; boundary=\"{name}\"");
    Ok(Answer { body: Body::Bytes { content_type, bytes: Bytes::from(body) }, ..Answer::empty(200) })
}

fn boundary_of(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    let given = parameters.split(';').find_map(|one| one.trim().strip_prefix("boundary="))?;
    let named = kind.trim().eq_ignore_ascii_case("multipart/mixed");
    Some(given.trim_matches('"')).filter(|given| named && !given.is_empty())
}

/// The request in a part: its address is absolute, and of the same site.
fn inner(outer: &SiteCall<'_>, part: &str) -> Result<Call, GraphError> {
    let (about, request) = part.trim_start().split_once("\n\n").unwrap_or_default();
    if !about.to_ascii_lowercase().contains("application/http") {
        return Err(bad_query("A part is of the type application/http; changesets are not taken here."));
    }
    let mut lines = request.lines();
    let mut first = lines.next().unwrap_or_default().split(' ');
    if first.next() != Some("GET") {
        return Err(bad_query("Only reads stand outside of a changeset."));
    }
    let url = Url::parse(first.next().unwrap_or_default());
    let url = url.map_err(|_| bad_query("The address of a part is absolute."))?;
    let here = [outer.call.origin.clone(), format!("https://{}", outer.site.host)];
    let site = outer.call.path.split("/_api/").next().unwrap_or_default();
    let below = url.path().to_lowercase().starts_with(&format!("{}/_api/", site.to_lowercase()));
    let nested = url.path().to_lowercase().ends_with("/$batch");
    if !here.contains(&url.origin().ascii_serialization()) || !below || nested {
        return Err(bad_query("The address of a part is one of the same site, and no batch."));
    }
    let headers = lines.take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(':'));
    let own = headers.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
    let token = outer.call.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    Ok(Call {
        method: Method::GET,
        path: url.path().to_owned(),
        query: url.query_pairs().into_owned().collect(),
        headers: own.chain(token.cloned()).collect(),
        body: Bytes::new(),
        ..outer.call.clone()
    })
}

fn write_part(body: &mut String, boundary: &str, answer: &Answer) {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary";
    let _ = write!(body, "--{boundary}\r\n{head}\r\n\r\nHTTP/1.1 {status}\r\n");
    for (name, value) in &answer.headers {
        let _ = write!(body, "{name}: {value}\r\n");
    }
    match &answer.body {
        Body::Empty => body.push_str("\r\n\r\n"),
        Body::Json(json) => {
            let _ = write!(body, "CONTENT-TYPE: application/json\r\n\r\n{json}\r\n");
        }
        Body::Bytes { content_type, bytes } => {
            let _ =
                write!(body, "CONTENT-TYPE: {content_type}\r\n\r\n{}\r\n", String::from_utf8_lossy(bytes));
        }
    }
}
