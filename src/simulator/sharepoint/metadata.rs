//! The forms in which one and the same answer comes, by what `Accept` asks for.

use actix_web::web::Bytes;
use serde_json::{Map, Value, json};

use crate::simulator::wire::{Answer, Body, Call};

/// How much an answer tells about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    None,
    Minimal,
    Verbose,
    /// Nothing was asked for: as minimal metadata, but for errors.
    Plain,
}

impl Mode {
    pub(super) fn of(call: &Call) -> Self {
        let accept = call.header("accept").unwrap_or_default().to_ascii_lowercase().replace(' ', "");
        match accept.split("odata=").nth(1).map(|rest| rest.split([';', ',']).next().unwrap_or_default()) {
            Some("nometadata") => Self::None,
            Some("verbose") => Self::Verbose,
            Some(_) => Self::Minimal,
            None => Self::Plain,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::None => "nometadata",
            Self::Verbose => "verbose",
            Self::Minimal | Self::Plain => "minimalmetadata",
        }
    }
}

/// Whether what a call sends is in the verbose form.
pub(super) fn sends_verbose(call: &Call) -> bool {
    let given = call.header("content-type").unwrap_or_default().to_ascii_lowercase().replace(' ', "");
    given.contains("odata=verbose")
}

/// Something with a type, an address and properties.
#[derive(Debug, Clone)]
pub(super) struct Entity {
    kind: String,
    uri: String,
    etag: Option<String>,
    pub(super) properties: Vec<(String, Property)>,
}

/// The value of a property.
#[derive(Debug, Clone)]
pub(super) enum Property {
    Plain(Value),
    /// An object that has a type, but no address.
    Complex(&'static str, Value),
    Entity(Box<Entity>),
}

impl Entity {
    pub(super) fn new(kind: impl Into<String>, uri: String) -> Self {
        Self { kind: kind.into(), uri, etag: None, properties: Vec::new() }
    }

    pub(super) fn etag(mut self, etag: String) -> Self {
        self.etag = Some(etag);
        self
    }

    pub(super) fn with(mut self, name: &str, value: Property) -> Self {
        self.properties.push((name.to_owned(), value));
        self
    }

    pub(super) fn plain(self, name: &str, value: Value) -> Self {
        self.with(name, Property::Plain(value))
    }

    fn rendered(&self, mode: Mode, base: &str) -> Map<String, Value> {
        let mut body = match mode {
            Mode::None => Map::new(),
            Mode::Verbose => {
                let mut about = json!({"id": self.uri, "uri": self.uri, "type": self.kind});
                if let (Some(about), Some(etag)) = (about.as_object_mut(), &self.etag) {
                    about.insert("etag".to_owned(), json!(etag));
                }
                Map::from_iter([("__metadata".to_owned(), about)])
            }
            Mode::Minimal | Mode::Plain => {
                let mut about = Map::new();
                about.insert("odata.type".to_owned(), json!(self.kind));
                about.insert("odata.id".to_owned(), json!(self.uri));
                about.extend(self.etag.iter().map(|etag| ("odata.etag".to_owned(), json!(etag))));
                about.insert("odata.editLink".to_owned(), json!(self.uri.strip_prefix(base)));
                about
            }
        };
        let values = self.properties.iter().map(|(name, value)| (name.clone(), value.rendered(mode, base)));
        body.extend(values);
        body
    }
}

impl Property {
    fn rendered(&self, mode: Mode, base: &str) -> Value {
        match (self, mode) {
            (Self::Plain(Value::Array(values)), Mode::Verbose) => json!({"results": values}),
            (Self::Plain(value), _) | (Self::Complex(_, value), Mode::None | Mode::Minimal | Mode::Plain) => {
                value.clone()
            }
            (Self::Complex(kind, value), Mode::Verbose) => {
                let mut value = value.clone();
                if let Some(value) = value.as_object_mut() {
                    value.insert("__metadata".to_owned(), json!({"type": kind}));
                }
                value
            }
            (Self::Entity(entity), mode) => Value::Object(entity.rendered(mode, base)),
        }
    }
}

/// One object; `base` is the address of the service.
pub(super) fn one(mode: Mode, base: &str, entity: &Entity) -> Value {
    let body = entity.rendered(mode, base);
    match mode {
        Mode::None => Value::Object(body),
        Mode::Verbose => json!({"d": body}),
        Mode::Minimal | Mode::Plain => {
            let context = json!(format!("{base}$metadata#{}/@Element", entity.kind));
            Value::Object(std::iter::once(("odata.metadata".to_owned(), context)).chain(body).collect())
        }
    }
}

/// A page of objects of one kind, and where the next one is.
pub(super) fn many(mode: Mode, base: &str, kind: &str, entities: &[Entity], next: Option<String>) -> Value {
    let values: Vec<Value> =
        entities.iter().map(|entity| Value::Object(entity.rendered(mode, base))).collect();
    let (mut body, name) = match mode {
        Mode::None => (json!({"value": values}), "odata.nextLink"),
        Mode::Verbose => (json!({"results": values}), "__next"),
        Mode::Minimal | Mode::Plain => {
            (json!({"odata.metadata": format!("{base}$metadata#{kind}"), "value": values}), "odata.nextLink")
        }
    };
    if let (Some(next), Some(body)) = (next, body.as_object_mut()) {
        body.insert(name.to_owned(), json!(next));
    }
    if mode == Mode::Verbose { json!({"d": body}) } else { body }
}

/// What a function or property gives back that is no object with an address.
pub(super) fn returned(mode: Mode, name: &str, value: Value) -> Value {
    match (mode, value) {
        (Mode::Verbose, value) => json!({"d": {name: value}}),
        (_, value @ Value::Object(_)) => value,
        (_, value) => json!({"value": value}),
    }
}

/// The answer with the media type that says its form.
pub(super) fn typed(mode: Mode, answer: Answer) -> Answer {
    let Body::Json(body) = &answer.body else { return answer };
    let content_type = match mode {
        Mode::Verbose => "application/json;odata=verbose;charset=utf-8".to_owned(),
        mode => format!("application/json;odata={};streaming=true;charset=utf-8", mode.name()),
    };
    let bytes = Bytes::from(body.to_string());
    Answer { body: Body::Bytes { content_type, bytes }, ..answer }
}
