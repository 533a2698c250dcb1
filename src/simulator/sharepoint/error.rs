//! Refusals as SharePoint words them: a number and a .NET type, and a message that is an object.

use serde_json::{Value, json};

use super::metadata::{self, Mode};
use crate::simulator::error::GraphError;
use crate::simulator::wire::{Answer, Call};

const SP_EXCEPTION: &str = "Microsoft.SharePoint.SPException";

/// The answer to a call that was refused. With nometadata and minimal metadata the key has a prefix.
pub(crate) fn refused(call: &Call, error: GraphError) -> Answer {
    let (code, message) = worded(&error);
    let body = json!({"code": code, "message": {"lang": "en-US", "value": message}});
    let mode = Mode::of(call);
    let key = if matches!(mode, Mode::None | Mode::Minimal) { "odata.error" } else { "error" };
    let answer = Answer { headers: error.headers, ..Answer::json(error.status, json!({key: body})) };
    metadata::typed(mode, answer)
}

/// What the tenant's own state refuses is said in the words that Graph has for it; here are SharePoint's.
fn worded(error: &GraphError) -> (String, String) {
    let own = |number: i64, kind: &str, message: &str| (format!("{number}, {kind}"), message.to_owned());
    match error.code.as_str() {
        "itemNotFound" => {
            let message = "Item does not exist. It may have been deleted by another user.";
            own(-2_130_575_338, SP_EXCEPTION, message)
        }
        "nameAlreadyExists" => own(-2_130_575_257, SP_EXCEPTION, &error.message),
        "accessDenied" => worded(&denied()),
        "invalidRequest" | "BadRequest" => {
            own(-1, "Microsoft.SharePoint.Client.InvalidClientQueryException", &error.message)
        }
        _ => (error.code.clone(), error.message.clone()),
    }
}

/// A refusal with a number and a type.
pub(super) fn numbered(status: u16, number: i64, kind: &str, message: impl Into<String>) -> GraphError {
    GraphError::new(status, &format!("{number}, {kind}"), message)
}

pub(super) fn no_resource(name: &str) -> GraphError {
    let message = format!("Cannot find resource for the request {name}.");
    numbered(404, -1, "Microsoft.SharePoint.Client.ResourceNotFoundException", message)
}

pub(super) fn denied() -> GraphError {
    let message = "Access denied. You do not have permission to perform this action or access this resource.";
    numbered(403, -2_147_024_891, "System.UnauthorizedAccessException", message)
}

/// A request whose JSON does not say what it has to.
pub(super) fn bad_query(message: impl Into<String>) -> GraphError {
    numbered(400, -1, "Microsoft.SharePoint.Client.InvalidClientQueryException", message)
}

pub(super) fn bad_argument(message: impl Into<String>) -> GraphError {
    numbered(400, -2_147_024_809, "System.ArgumentException", message)
}

pub(super) fn no_field(name: &str) -> GraphError {
    let message = format!("The field or property '{name}' does not exist.");
    numbered(400, -1, SP_EXCEPTION, message)
}

/// A change token that leads nowhere. The status is not published; callers go by the number.
pub(super) fn bad_token(number: i64, message: &str) -> GraphError {
    numbered(400, number, SP_EXCEPTION, message)
}

/// The body of a call as JSON.
pub(super) fn read(call: &Call) -> Result<Value, GraphError> {
    serde_json::from_slice(&call.body)
        .map_err(|_| bad_query("Invalid JSON. A token was not recognized in the JSON content."))
}
