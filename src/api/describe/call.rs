//! One call: what serves it, and what it promises.

use actix_web::Route;
use actix_web::http::Method;
use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use super::document::{PROBLEM, reference};

const SLOW: &str = "The body did not come in time.";
const TOO_LARGE: &str = "The body is too large.";

/// Makes the schema of a type, and of those that it is made of.
type Shape = fn(&mut SchemaGenerator) -> Schema;

/// A media type, and what is in it.
type Content = (&'static str, Shape);

/// One call of the admin port.
pub(in crate::api) struct Call {
    pub method: Method,
    pub path: &'static str,
    pub route: Route,
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    pub(super) description: Option<&'static str>,
    pub is_open: bool,
    pub(super) takes_any_key: bool,
    pub(super) query: Option<Shape>,
    pub(super) headers: Vec<Value>,
    pub(super) body: Option<(Shape, bool)>,
    pub(super) answers: Vec<(u16, &'static str, Option<Content>)>,
    pub(super) problems: Vec<(u16, &'static str)>,
}

/// Problems that every call may answer with, if it wants a key.
const GUARDED: [(u16, &str); 3] = [
    (401, "No API key, or one that is not known."),
    (500, "The store holds something that cannot be read; the log says what."),
    (503, "The store is not available just now, or the listener is stopping."),
];

impl Call {
    /// A call that wants a key: any for reading, one with the role `write` for the rest.
    pub fn new(
        method: Method,
        path: &'static str,
        route: Route,
        (tag, summary): (&'static str, &'static str),
    ) -> Self {
        let takes_any_key = method == Method::GET;
        let (description, query, body) = (None, None, None);
        let (headers, answers, problems) = (Vec::new(), Vec::new(), GUARDED.to_vec());
        let is_open = false;
        let route = route.method(method.clone());
        Self {
            method,
            path,
            route,
            tag,
            summary,
            description,
            is_open,
            takes_any_key,
            query,
            headers,
            body,
            answers,
            problems,
        }
        .named()
    }

    /// A name in the address may be one that is not there.
    fn named(mut self) -> Self {
        if self.path.contains("{name}") {
            self.problems.push((404, "There is none of this name."));
        }
        if self.method != Method::GET {
            self = self.problem(408, SLOW).problem(413, TOO_LARGE);
        }
        if !self.takes_any_key {
            self.problems.push((403, "The API key may only read; or none is configured, and the call comes from a page of another site."));
        }
        self
    }

    /// More than the summary says.
    pub fn tells(mut self, description: &'static str) -> Self {
        self.description = Some(description);
        self
    }

    /// Every key may call, although it changes something.
    pub fn takes_any_key(mut self) -> Self {
        self.takes_any_key = true;
        self.problems.retain(|(status, _)| *status != 403);
        self
    }

    /// Takes a query.
    pub fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(|generator| T::json_schema(generator));
        self.problem(400, "The query cannot be read, or asks for what there cannot be.")
    }

    /// Takes a header.
    pub fn header<T: JsonSchema>(mut self, name: &str, description: &str) -> Self {
        let schema = reference(&T::schema_name());
        self.headers.push(json!({
            "name": name, "in": "header", "description": description, "schema": schema,
        }));
        self
    }

    /// Takes a body, which is JSON.
    pub fn body<T: JsonSchema>(mut self) -> Self {
        self.body = Some((|generator| generator.subschema_for::<T>(), true));
        self.problem(400, "The body cannot be read, or asks for what there cannot be.")
            .problem(415, "The body is not said to be JSON.")
    }

    /// Takes a body, which may be left out.
    pub fn optional_body<T: JsonSchema>(mut self) -> Self {
        self.body = Some((|generator| generator.subschema_for::<T>(), false));
        self.problem(400, "The body cannot be read.")
    }

    /// Answers with a JSON document.
    pub fn gives<T: JsonSchema>(self, status: u16, description: &'static str) -> Self {
        self.gives_as::<T>(status, description, "application/json")
    }

    /// Answers with something of this media type.
    pub fn gives_as<T: JsonSchema>(
        mut self,
        status: u16,
        description: &'static str,
        media_type: &'static str,
    ) -> Self {
        let shape: Shape = |generator| generator.subschema_for::<T>();
        self.answers.push((status, description, Some((media_type, shape))));
        self
    }

    /// Answers without a body.
    pub fn gives_nothing(mut self, description: &'static str) -> Self {
        self.answers.push((204, description, None));
        self
    }

    /// May answer with a problem document; the last description of a status holds.
    pub fn problem(mut self, status: u16, description: &'static str) -> Self {
        self.problems.retain(|(other, _)| *other != status);
        self.problems.push((status, description));
        self
    }

    pub(super) fn problem_document(description: &str, status: u16) -> Value {
        let mut answer = json!({
            "description": description,
            "content": { "application/problem+json": { "schema": reference(PROBLEM) } },
        });
        let header = match status {
            401 => Some(("WWW-Authenticate", "How to show a key.", "string")),
            503 => Some(("Retry-After", "Seconds after which to ask again, where that is known.", "integer")),
            _ => None,
        };
        if let (Some((name, words, kind)), Some(answer)) = (header, answer.as_object_mut()) {
            let header = json!({ name: { "description": words, "schema": { "type": kind } } });
            answer.insert("headers".to_owned(), header);
        }
        answer
    }
}

/// A call that wants no key and looks at nothing that could be refused.
pub(in crate::api) fn open(method: Method, path: &'static str, route: Route, summary: &'static str) -> Call {
    let mut call = Call::new(method, path, route, ("Health", summary));
    call.is_open = true;
    call.problems.clear();
    call
}
