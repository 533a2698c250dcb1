//! The document, put together from the calls.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use super::call::Call;
use crate::api::problem::Document;
use crate::model::Name;

/// What problem documents are called among the schemas.
pub(super) const PROBLEM: &str = "Problem";

/// Refers to a schema by its name.
pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// What is taken and what is given may differ in what has to be there.
struct Shapes {
    taken: SchemaGenerator,
    given: SchemaGenerator,
}

impl Shapes {
    fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        let taken = settings.clone().for_deserialize().into_generator();
        let mut given = settings.for_serialize().into_generator();
        given.subschema_for::<Document<'static>>();
        given.subschema_for::<Name>();
        Self { taken, given }
    }

    fn all(mut self) -> Map<String, Value> {
        let mut schemas = self.taken.take_definitions(true);
        schemas.extend(self.given.take_definitions(true));
        schemas
    }
}

/// The description of these calls.
pub(in crate::api) fn document(version: &str, calls: &[Call]) -> Value {
    let (mut shapes, mut paths) = (Shapes::new(), Map::new());
    for call in calls {
        let operation = operation(call, &mut shapes);
        let path = paths.entry(call.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(call.method.as_str().to_lowercase(), operation);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "o365-listener",
            "version": version,
            "description": "The admin port: what is followed, the log of what changed, and where it goes. Every error is a \
                            problem document, also where no call is meant: 404 for an address that is not here, 405 with \
                            `Allow` for a method that an address does not take.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "key": [] }],
        "paths": paths,
        "components": {
            "schemas": shapes.all(),
            "securitySchemes": { "key": {
                "type": "http", "scheme": "bearer",
                "description": "An API key, where the configuration has some. The role `read` may read and commit \
                                consumers, the rest needs `write`.",
            } },
        },
    })
}

fn operation(call: &Call, shapes: &mut Shapes) -> Value {
    let mut operation = Map::new();
    operation.insert("tags".to_owned(), json!([call.tag]));
    operation.insert("operationId".to_owned(), json!(operation_id(call)));
    operation.insert("summary".to_owned(), json!(call.summary));
    if let Some(description) = call.description {
        operation.insert("description".to_owned(), json!(description));
    }
    if call.is_open {
        operation.insert("security".to_owned(), json!([]));
    }
    let parameters = parameters(call, shapes);
    if !parameters.is_empty() {
        operation.insert("parameters".to_owned(), parameters.into());
    }
    if let Some((shape, required)) = call.body {
        let content = json!({ "application/json": { "schema": shape(&mut shapes.taken) } });
        operation.insert("requestBody".to_owned(), json!({ "required": required, "content": content }));
    }
    operation.insert("responses".to_owned(), answers(call, shapes));
    operation.into()
}

/// From the address: `get-sinks-name-dead-letters`.
fn operation_id(call: &Call) -> String {
    let path = call.path.trim_start_matches("/v1").trim_start_matches('/');
    let words = path.replace(['{', '}'], "").replace(['/', '.'], "-");
    format!("{}-{words}", call.method.as_str().to_lowercase())
}

fn parameters(call: &Call, shapes: &mut Shapes) -> Vec<Value> {
    let mut parameters = Vec::new();
    if call.path.contains("{name}") {
        parameters.push(json!({
            "name": "name", "in": "path", "required": true, "schema": reference("Name"),
        }));
    }
    if let Some(shape) = call.query {
        let shape = shape(&mut shapes.taken).to_value();
        let properties = shape.get("properties").and_then(Value::as_object);
        parameters.extend(properties.into_iter().flatten().map(|(name, schema)| parameter(name, schema)));
    }
    parameters.extend(call.headers.iter().cloned());
    parameters
}

/// A property of a query; what is left out is not sent as `null`.
fn parameter(name: &str, schema: &Value) -> Value {
    let mut schema = schema.clone();
    let mut parameter = json!({ "name": name, "in": "query", "required": false });
    if let (Some(schema), Some(parameter)) = (schema.as_object_mut(), parameter.as_object_mut()) {
        parameter.extend(schema.remove("description").map(|words| ("description".to_owned(), words)));
    }
    let alternatives = schema.get("anyOf").and_then(Value::as_array);
    let present = alternatives.and_then(|all| all.iter().find(|one| one.get("$ref").is_some())).cloned();
    if let Some(parameter) = parameter.as_object_mut() {
        parameter.insert("schema".to_owned(), present.unwrap_or(schema));
    }
    parameter
}

fn answers(call: &Call, shapes: &mut Shapes) -> Value {
    let mut answers = Map::new();
    for (status, description, content) in &call.answers {
        let mut answer = json!({ "description": description });
        if let (Some((media_type, shape)), Some(answer)) = (content, answer.as_object_mut()) {
            let schema = shape(&mut shapes.given);
            answer.insert("content".to_owned(), json!({ *media_type: { "schema": schema } }));
        }
        answers.insert(status.to_string(), answer);
    }
    for (status, description) in &call.problems {
        answers.insert(status.to_string(), Call::problem_document(description, *status));
    }
    answers.into()
}
