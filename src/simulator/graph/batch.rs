//! `POST /$batch`: up to twenty calls in one.

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::web::Bytes;
use serde_json::{Map, Value, json};

use super::one;
use crate::simulator::control;
use crate::simulator::error::GraphError;
use crate::simulator::server::Shared;
use crate::simulator::wire::{Answer, Body, Call, Outcome, segments};

const LIMIT: usize = 20;

pub(super) async fn answer(shared: &Arc<Shared>, call: &Call) -> Outcome {
    let body = call.json()?;
    let requests = body.get("requests").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut ids: Vec<&str> = requests.iter().filter_map(|one| one.get("id")?.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    if call.method.as_str() != "POST"
        || requests.is_empty()
        || requests.len() > LIMIT
        || ids.len() != requests.len()
    {
        let message = "Invalid batch payload format.";
        return Err(GraphError::new(400, "BadRequest", message));
    }
    let mut responses = Vec::new();
    for request in &requests {
        responses.push(inner(shared, call, request).await);
    }
    Ok(Answer::json(200, json!({"responses": responses})))
}

async fn inner(shared: &Arc<Shared>, outer: &Call, request: &Value) -> Value {
    let text = |name: &str| request.get(name).and_then(Value::as_str).unwrap_or_default();
    let (path, query) = text("url").split_once('?').unwrap_or((text("url"), ""));
    let (segments, mut arguments) = segments(path);
    arguments.extend(url::form_urlencoded::parse(query.as_bytes()).into_owned());
    let headers = request.get("headers").and_then(Value::as_object).cloned().unwrap_or_default();
    let body = request.get("body").map(Value::to_string).unwrap_or_default();
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
    let full_path = format!("/{}{path}", outer.version);
    let fault = control::take_fault(&mut shared.world(), &call.origin, call.method.as_str(), &full_path);
    let outcome = match fault {
        Some(control::Struck::Refused(error)) => Err(error),
        // Inside of a batch there is no connection to break: whoever is behind it did not answer.
        Some(control::Struck::Broken(_)) => Err(GraphError::new(504, "UnknownError", "")),
        None => one(shared, &call).await,
    };
    response(text("id"), outcome)
}

fn response(id: &str, outcome: Outcome) -> Value {
    let answer = outcome.unwrap_or_else(|error| {
        let body = error.body("", "", "");
        Answer { status: error.status, headers: error.headers, body: Body::Json(body) }
    });
    let mut headers: Map<String, Value> =
        answer.headers.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
    let mut response = json!({"id": id, "status": answer.status});
    if let (Body::Json(body), Some(object)) = (answer.body, response.as_object_mut()) {
        headers.insert("Content-Type".to_owned(), Value::from("application/json"));
        object.insert("body".to_owned(), body);
    }
    if let Some(object) = response.as_object_mut() {
        object.insert("headers".to_owned(), Value::Object(headers));
    }
    response
}
