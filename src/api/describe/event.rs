//! Events, as the published schema describes them: the one in `docs/` is the only one.

use std::borrow::Cow;

use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use crate::model::Event;

const PUBLISHED: &str = include_str!("../../../docs/events.schema.json");

impl JsonSchema for Event {
    fn schema_name() -> Cow<'static, str> {
        "Event".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let moved = PUBLISHED.replace("\"#/$defs/", "\"#/components/schemas/event.");
        let Ok(Value::Object(mut published)) = serde_json::from_str(&moved) else {
            return Schema::default();
        };
        published.remove("$schema");
        if let Some(Value::Object(parts)) = published.remove("$defs") {
            let parts = parts.into_iter().map(|(name, part)| (format!("event.{name}"), part));
            generator.definitions_mut().extend(parts);
        }
        published.into()
    }
}
