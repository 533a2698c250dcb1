//! The published schema of events, as a judge of what the log tells.

use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::{Value, json};

const SCHEMA: &str = include_str!("../../docs/events.schema.json");

fn validator() -> &'static Validator {
    static VALIDATOR: OnceLock<Validator> = OnceLock::new();
    VALIDATOR.get_or_init(|| {
        let schema = serde_json::from_str(SCHEMA).unwrap();
        jsonschema::meta::validate(&schema).unwrap();
        jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
    })
}

fn complaints(event: &Value) -> Vec<String> {
    let errors = validator().iter_errors(event);
    errors.map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// Every event is as the schema says, or the first that is not.
pub fn all_are_as_described(events: &[Value]) -> Result<(), String> {
    let odd = events.iter().find(|event| !validator().is_valid(event));
    odd.map_or(Ok(()), |event| Err(format!("{event:#}\n{:#?}", complaints(event))))
}

fn sample() -> Value {
    json!({
        "specversion": "1.0", "id": "0192-1", "source": "/tenants/contoso/subscriptions/hr",
        "type": "o365.driveItem.updated", "subject": "01ABC", "time": "2026-11-23T10:00:00Z",
        "datacontenttype": "application/json", "sequence": "00000000000000000042",
        "tenant": "contoso", "subscription": "hr",
        "data": {"changed": ["name"], "previous": {"name": "old.docx"}, "resource": {"id": "01ABC"},
                 "actor": {"id": "u", "name": "Alice", "kind": "user"}},
    })
}

#[test]
fn an_event_of_the_documentation_is_as_described() {
    all_are_as_described(&[sample()]).unwrap();
}

#[test]
fn what_the_documentation_rules_out_is_refused() {
    for (pointer, value) in [
        ("/type", json!("o365.driveItem.renamed")),
        ("/type", json!("o365.driveItem.created")), // nothing is told as changed of what is new
        ("/sequence", json!("42")),
        ("/time", json!("2026-11-23T10:00:00+01:00")),
        ("/time", json!("yesterdayZ")),
        ("/source", json!("contoso")),
        ("/tenant", json!("Contoso")),
        ("/data/changed", json!(["eTag"])),
        ("/data/changed", json!(["name", "name"])),
        ("/data/previous", json!(null)),
        ("/data/resource", json!({"name": "without an id"})),
        ("/data/resource/@microsoft.graph.downloadUrl", json!("https://elsewhere.example/secret")),
        ("/data/actor/kind", json!("robot")),
    ] {
        let mut event = sample();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        event.pointer_mut(parent).unwrap()[key] = value.clone();
        assert!(!validator().is_valid(&event), "{pointer} = {value} is taken");
    }
    for attribute in ["id", "source", "subject", "time", "sequence", "data"] {
        let mut event = sample();
        event.as_object_mut().unwrap().remove(attribute);
        assert!(!validator().is_valid(&event), "{attribute} is not missed");
    }
}
