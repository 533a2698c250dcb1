//! An incoming webhook of a connector.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{Channel, Judged, LARGEST};
use crate::simulator::wire::Call;

const BAD_PAYLOAD: &str = "Bad payload received by generic incoming webhook.";

pub(super) fn judge(channel: Option<&mut Channel>, call: &Call, now: DateTime<Utc>) -> Judged {
    let Some(channel) = channel else { return Judged::refused(404, "The webhook is not known.") };
    if !channel.open {
        return Judged::refused(410, "The connector was removed.");
    }
    if let Some(problem) = problem(call) {
        return Judged::refused(400, problem);
    }
    // What the channel behind it refuses is told with a status that says nothing.
    if call.body.len() > LARGEST {
        return Judged::refused(200, endpoint_error(413));
    }
    if !channel.takes_one_more(now) {
        return Judged::refused(200, endpoint_error(429));
    }
    Judged::shown(200, "1")
}

fn endpoint_error(status: u16) -> String {
    format!(
        "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error {status} with ContextId \
         tcid=0,server=SIMULATED,cv=0.."
    )
}

fn problem(call: &Call) -> Option<&'static str> {
    let json = call.header("content-type").is_some_and(|given| given.starts_with("application/json"));
    let card = serde_json::from_slice::<Value>(&call.body).ok().filter(|card| json && card.is_object());
    let Some(card) = card else { return Some(BAD_PAYLOAD) };
    let text = |key: &str| card.get(key).and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty());
    // The later envelope with an Adaptive Card in it was taken, too.
    let wrapped = card.get("type").is_some_and(|given| given == "message")
        && card.get("attachments").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    match card.get("@type").and_then(Value::as_str) {
        Some("MessageCard") if !text("@context") => Some(BAD_PAYLOAD),
        Some("MessageCard") | None if text("summary") || text("text") || wrapped => None,
        Some("MessageCard") | None => Some("Summary or Text is required."),
        Some(_) => Some(BAD_PAYLOAD),
    }
}
