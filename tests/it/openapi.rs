//! Microsoft's description of Graph, as a judge of what is sent and answered.

use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::{Map, Value, json};

const SLICE: &str = include_str!("../graph/openapi-slice.json");

fn description() -> &'static Value {
    static DESCRIPTION: OnceLock<Value> = OnceLock::new();
    DESCRIPTION.get_or_init(|| to_json_schema(serde_json::from_str(SLICE).unwrap()))
}

/// OpenAPI 3.0 says `nullable` where JSON Schema has a type `null`; formats are annotations there.
fn to_json_schema(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(to_json_schema).collect()),
        Value::Object(object) => {
            let nullable = object.get("nullable") == Some(&Value::Bool(true));
            let mut schema: Map<String, Value> =
                object.into_iter().map(|(key, value)| (key, to_json_schema(value))).collect();
            if !nullable || schema.get("nullable").is_some_and(Value::is_object) {
                return Value::Object(schema);
            }
            schema.remove("nullable");
            json!({"anyOf": [Value::Object(schema), {"type": "null"}]})
        }
        other => other,
    }
}

fn operation(method: &str, path: &str) -> &'static Value {
    let found = &description()["paths"][path][method.to_lowercase()];
    assert!(found.is_object(), "{method} {path} is not described");
    found
}

fn validator(schema: &Value) -> Validator {
    let mut whole = schema.as_object().expect("a schema").clone();
    whole.insert("components".to_owned(), description()["components"].clone());
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .build(&Value::Object(whole))
        .expect("the description is valid")
}

fn assert_valid(what: &str, schema: &Value, body: &Value) {
    let validator = validator(schema);
    let errors: Vec<String> =
        validator.iter_errors(body).map(|error| format!("{} at {}", error, error.instance_path())).collect();
    assert!(errors.is_empty(), "{what}: {errors:#?}\n{body:#}");
}

/// Asserts that an answer to `method` on the templated `path` is one that Microsoft describes.
pub fn assert_answer(method: &str, path: &str, status: u16, body: &Value) {
    let responses = &operation(method, path)["responses"];
    let class = format!("{}XX", status / 100);
    let mut response = responses.get(status.to_string()).or_else(|| responses.get(class)).cloned();
    if let Some(reference) = response.as_ref().and_then(|one| one["$ref"].as_str()) {
        response = description().pointer(reference.trim_start_matches('#')).cloned();
    }
    let response = response.unwrap_or_else(|| panic!("{method} {path} has no answer {status}"));
    match response.pointer("/content/application~1json/schema") {
        Some(schema) => assert_valid(&format!("{method} {path} -> {status}"), schema, body),
        None => assert!(body.is_null(), "{method} {path} -> {status} has no body, but: {body:#}"),
    }
}

/// Asserts that the body of a request is one that Microsoft describes.
pub fn assert_request(method: &str, path: &str, body: &Value) {
    let schema = operation(method, path).pointer("/requestBody/content/application~1json/schema");
    let mut schema = schema.unwrap_or_else(|| panic!("{method} {path} takes no body")).clone();
    if method.eq_ignore_ascii_case("PATCH") {
        // A change names only what changes.
        schema = json!({"$ref": "#/components/schemas/partial"});
        let mut whole = description()["components"].clone();
        let mut subscription = whole["schemas"]["microsoft.graph.subscription"].clone();
        subscription["allOf"][1].as_object_mut().unwrap().remove("required");
        whole["schemas"]["partial"] = subscription;
        let validator = jsonschema::options()
            .build(&json!({"$ref": schema["$ref"], "components": whole}))
            .expect("the description is valid");
        let errors: Vec<String> = validator.iter_errors(body).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{method} {path}: {errors:#?}\n{body:#}");
        return;
    }
    assert_valid(&format!("{method} {path}"), &schema, body);
}

/// Asserts that a notification's body is one that Microsoft describes.
pub fn assert_notification(body: &Value) {
    let schema = json!({"$ref": "#/components/schemas/microsoft.graph.changeNotificationCollection"});
    assert_valid("notification", &schema, body);
}
