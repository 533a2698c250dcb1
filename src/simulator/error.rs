//! What Graph answers when it refuses.

use serde_json::{Value, json};

/// A refusal: status, code and message as Graph gives them.
#[derive(Debug, Clone)]
pub(crate) struct GraphError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The code inside, which is the more specific one.
    pub(crate) inner_code: Option<String>,
}

impl GraphError {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), headers: Vec::new(), inner_code: None }
    }

    pub(crate) fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// An address that Graph's model does not have.
    pub(crate) fn segment(segment: &str) -> Self {
        Self::new(400, "BadRequest", format!("Resource not found for the segment '{segment}'."))
    }

    pub(crate) fn item_not_found() -> Self {
        Self::new(404, "itemNotFound", "The resource could not be found.")
    }

    pub(crate) fn message_not_found() -> Self {
        Self::new(404, "ErrorItemNotFound", "The specified object was not found in the store.")
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalidRequest", message)
    }

    /// The body of the answer.
    pub(crate) fn body(&self, date: &str, request_id: &str, client_request_id: &str) -> Value {
        let mut inner =
            json!({"date": date, "request-id": request_id, "client-request-id": client_request_id});
        if let (Some(code), Some(inner)) = (&self.inner_code, inner.as_object_mut()) {
            inner.insert("code".to_owned(), Value::from(code.as_str()));
        }
        json!({"error": {"code": self.code, "message": self.message, "innerError": inner}})
    }
}
