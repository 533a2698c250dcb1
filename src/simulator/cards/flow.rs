//! A Workflows webhook: a flow with the trigger "When a Teams webhook request is received", which anyone may call.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{Channel, Judged, LARGEST};
use crate::simulator::wire::Call;

const CARD: &str = "application/vnd.microsoft.card.adaptive";

pub(super) fn judge(channel: Option<&mut Channel>, call: &Call, now: DateTime<Utc>) -> Judged {
    let id = call.segments.get(1).cloned().unwrap_or_default();
    let not_found = |what: &str| refused(404, "WorkflowNotFound", &format!("The workflow '{id}' {what}."));
    let Some(channel) = channel else { return not_found("could not be found") };
    if call.query("api-version").is_none() {
        let message = "The api-version query parameter is missing.";
        return refused(400, "MissingApiVersionParameter", message);
    }
    if call.query("sig") != channel.signature().as_deref() {
        return refused(401, "AuthorizationFailed", "The signature in the address is not valid.");
    }
    if !channel.open {
        return not_found("is disabled");
    }
    if !channel.takes_one_more(now) {
        return refused(429, "TooManyRequests", "The flow is started too often. Try again later.");
    }
    let body = serde_json::from_slice::<Value>(&call.body).ok().filter(Value::is_object);
    let Some(body) = body else {
        return refused(400, "InvalidRequestContent", "The body of the trigger is not a JSON object.");
    };
    // From here on only the owner of the flow learns what happens.
    Judged { status: 202, said: String::new(), problem: problem(&body, call.body.len()) }
}

fn refused(status: u16, code: &str, message: &str) -> Judged {
    Judged::refused(status, json!({"error": {"code": code, "message": message}}).to_string())
}

/// Why the run fails that was started.
fn problem(body: &Value, bytes: usize) -> Option<String> {
    if bytes > LARGEST {
        return Some("RequestEntityTooLarge: the message is larger than 28 KB".to_owned());
    }
    if body.get("@type").is_some_and(|given| given == "MessageCard") {
        return None;
    }
    let Some(attachments) = body.get("attachments").and_then(Value::as_array) else {
        return Some("the message has no attachments".to_owned());
    };
    let card = |attachment: &Value| {
        attachment.get("contentType").is_some_and(|given| given == CARD)
            && attachment.pointer("/content/type").is_some_and(|given| given == "AdaptiveCard")
            && attachment.pointer("/content/version").is_some_and(Value::is_string)
    };
    let good = !attachments.is_empty() && attachments.iter().all(card);
    (!good).then(|| "BadRequest: an attachment is not an Adaptive Card".to_owned())
}
