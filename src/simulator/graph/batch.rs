//! `POST /$batch`: up to twenty calls in one, answered in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use actix_web::http::Method;
use actix_web::web::Bytes;
use serde_json::{Map, Value, json};

use super::one;
use crate::simulator::control::{self, Break, Struck};
use crate::simulator::error::GraphError;
use crate::simulator::server::Shared;
use crate::simulator::wire::{Answer, Body, Call, Outcome, segments};

const LIMIT: usize = 20;

/// A call inside, as far as it is the batch's business. Ids are compared without case.
struct Part<'a> {
    id: &'a str,
    key: String,
    after: BTreeSet<String>,
    request: &'a Value,
}

pub(super) async fn answer(shared: &Arc<Shared>, call: &Call) -> Outcome {
    let body = call.json()?;
    let requests = body.get("requests").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let parts = if call.method == Method::POST { parts(requests) } else { None };
    let order = parts.and_then(in_order);
    let order = order.ok_or_else(|| GraphError::new(400, "BadRequest", "Invalid batch payload format."))?;
    let mut worked: BTreeMap<String, bool> = BTreeMap::new();
    let mut responses = Vec::new();
    for part in order {
        let held_up = part.after.iter().any(|id| worked.get(id) == Some(&false));
        let response =
            if held_up { Some(failed_dependency(part.id)) } else { inner(shared, call, &part).await };
        let status = response.as_ref().and_then(|response| response.get("status")?.as_u64());
        worked.insert(part.key, status.is_some_and(|status| status < 400));
        responses.extend(response);
    }
    shared.world().shuffles.shuffle(&mut responses);
    Ok(Answer::json(200, json!({"responses": responses})))
}

/// The calls inside, unless there are too many, an id is missing or comes twice, or one depends on what is not there.
fn parts(requests: &[Value]) -> Option<Vec<Part<'_>>> {
    let parts: Vec<Part<'_>> = requests.iter().map(part).collect::<Option<_>>()?;
    let ids: BTreeSet<&String> = parts.iter().map(|part| &part.key).collect();
    let known = parts.iter().flat_map(|part| &part.after).all(|id| ids.contains(id));
    let good = (1..=LIMIT).contains(&parts.len()) && ids.len() == parts.len() && known;
    good.then_some(parts)
}

fn part(request: &Value) -> Option<Part<'_>> {
    let id = request.get("id")?.as_str().filter(|id| !id.is_empty())?;
    let after = request.get("dependsOn").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let after = after.iter().map(|id| id.as_str().map(str::to_lowercase)).collect::<Option<_>>()?;
    Some(Part { id, key: id.to_lowercase(), after, request })
}

/// The parts in an order in which each comes after what it depends on, unless they depend on each other in a circle.
fn in_order(mut left: Vec<Part<'_>>) -> Option<Vec<Part<'_>>> {
    let mut ordered: Vec<Part<'_>> = Vec::new();
    while !left.is_empty() {
        let done: BTreeSet<String> = ordered.iter().map(|part| part.key.clone()).collect();
        let (ready, waiting): (Vec<_>, Vec<_>) =
            left.into_iter().partition(|part| part.after.is_subset(&done));
        if ready.is_empty() {
            return None;
        }
        ordered.extend(ready);
        left = waiting;
    }
    Some(ordered)
}

fn failed_dependency(id: &str) -> Value {
    let message = "The request failed because a request that it depends on failed.";
    let whole = Err(GraphError::new(424, "FailedDependency", message));
    response(id, whole)
}

/// The answer to one part; none where a fault has it lost.
async fn inner(shared: &Arc<Shared>, outer: &Call, part: &Part<'_>) -> Option<Value> {
    let text = |name: &str| part.request.get(name).and_then(Value::as_str).unwrap_or_default();
    let url = text("url");
    if let Some(segment) = not_relative(url) {
        return Some(response(part.id, Err(GraphError::segment(segment))));
    }
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let (segments, mut arguments) = segments(path);
    arguments.extend(url::form_urlencoded::parse(query.as_bytes()).into_owned());
    let headers = part.request.get("headers").and_then(Value::as_object).cloned().unwrap_or_default();
    let body = part.request.get("body").map(Value::to_string).unwrap_or_default();
    let call = Call {
        method: text("method").parse().unwrap_or(Method::GET),
        segments,
        query: arguments,
        headers: headers
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())))
            .collect(),
        body: Bytes::from(body),
        ..outer.clone()
    };
    let full_path = format!("/{}/{}", outer.version, path.trim_start_matches('/'));
    // A part that is slow would make the whole slow: that is for the whole to be.
    let strike = control::take_fault(&mut shared.world(), &call, &full_path);
    Some(match strike.struck {
        Some(Struck::Refused(error)) => response(part.id, Err(error)),
        // Inside of a batch there is no connection to break: whoever is behind it did not answer, or its answer is lost.
        Some(Struck::Broken(Break::Before)) => {
            response(part.id, Err(GraphError::new(504, "UnknownError", "")))
        }
        Some(Struck::Broken(broken)) => {
            let answered = response(part.id, taken(shared, &call).await);
            return (broken == Break::Truncated).then(|| without_body(answered));
        }
        None => response(part.id, taken(shared, &call).await),
    })
}

/// A batch has no place in a batch.
async fn taken(shared: &Arc<Shared>, call: &Call) -> Outcome {
    if call.method != Method::GET && !call.body.is_empty() && call.header("content-type").is_none() {
        let message = "Content-Type header is required for requests with a body.";
        return Err(GraphError::new(400, "BadRequest", message));
    }
    one(shared, call).await
}

/// The first segment of an address that is not below the version: absolute, or with the version in it.
fn not_relative(url: &str) -> Option<&str> {
    let first = url.trim_start_matches('/').split(['/', '?']).next()?;
    let wrong = url.contains("://") || ["v1.0", "beta"].iter().any(|it| first.eq_ignore_ascii_case(it));
    wrong.then_some(first)
}

fn without_body(mut response: Value) -> Value {
    if let Some(object) = response.as_object_mut() {
        object.remove("body");
        object.remove("headers");
    }
    response
}

fn response(id: &str, outcome: Outcome) -> Value {
    let answer = outcome.unwrap_or_else(|error| {
        let body = error.body("", "", "");
        Answer { status: error.status, headers: error.headers, body: Body::Json(body) }
    });
    let mut headers: Map<String, Value> =
        answer.headers.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
    let mut response = json!({"id": id, "status": answer.status});
    let Some(object) = response.as_object_mut() else { return response };
    if let Body::Json(body) = answer.body {
        headers.insert("Content-Type".to_owned(), Value::from("application/json"));
        object.insert("body".to_owned(), body);
    }
    if !headers.is_empty() {
        object.insert("headers".to_owned(), Value::Object(headers));
    }
    response
}
