//! Events as requests, in the three modes of the `CloudEvents` HTTP binding.

use aws_lc_rs::digest::{SHA256, digest};
use chrono::SecondsFormat;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::config::Mode;
use crate::model::Event;

/// What the binding wants encoded in a header's value, beside all that is not ASCII.
const IN_HEADERS: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

/// What a request is made of, but for what is the same in all.
#[derive(Debug)]
pub(super) struct Written {
    /// The same for the same events, whenever they are sent: a receiver tells a repetition by it.
    pub id: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// Writes events, of which there is one unless they go in batches.
pub(super) fn write(mode: Mode, events: &[Event]) -> serde_json::Result<Written> {
    let id = id(events);
    let content_type = |text: &str| vec![("content-type", text.to_owned())];
    Ok(match (mode, events) {
        (Mode::Binary, [event]) => {
            Written { id, headers: attributes(event), body: event.data.get().as_bytes().to_vec() }
        }
        (Mode::Structured, [event]) => {
            let headers = content_type("application/cloudevents+json");
            Written { id, headers, body: serde_json::to_vec(event)? }
        }
        _ => {
            let headers = content_type("application/cloudevents-batch+json");
            Written { id, headers, body: serde_json::to_vec(events)? }
        }
    })
}

/// The event's own id; that of several is made of theirs.
fn id(events: &[Event]) -> String {
    if let [event] = events {
        return event.id.clone();
    }
    let ids: Vec<&str> = events.iter().map(|event| event.id.as_str()).collect();
    let digest = digest(&SHA256, ids.join("\n").as_bytes());
    let hex: Vec<String> = digest.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("batch-{}", hex.concat())
}

fn attributes(event: &Event) -> Vec<(&'static str, String)> {
    let source = format!("/tenants/{}/subscriptions/{}", event.tenant, event.subscription);
    let time = event.time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("ce-specversion", "1.0".to_owned()),
        ("ce-id", event.id.clone()),
        ("ce-source", source),
        ("ce-type", event.event_type.clone()),
        ("ce-subject", event.subject.clone()),
        ("ce-time", time),
        ("ce-sequence", event.cursor.to_string()),
        ("ce-tenant", event.tenant.to_string()),
        ("ce-subscription", event.subscription.to_string()),
    ];
    headers.map(|(name, value)| (name, utf8_percent_encode(&value, IN_HEADERS).to_string())).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Cursor;
    use chrono::DateTime;
    use serde_json::Value;
    use serde_json::value::RawValue;

    fn event(id: &str, subject: &str) -> Event {
        Event {
            cursor: Cursor::at(42),
            id: id.to_owned(),
            tenant: "contoso".parse().unwrap(),
            subscription: "hr".parse().unwrap(),
            event_type: "o365.listItem.updated".to_owned(),
            subject: subject.to_owned(),
            time: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
            data: RawValue::from_string(r#"{"changed":[]}"#.to_owned()).unwrap(),
        }
    }

    #[test]
    fn a_structured_request_is_the_event_as_the_api_tells_it() {
        let event = event("e-1", "17");
        let written = write(Mode::Structured, std::slice::from_ref(&event)).unwrap();
        assert_eq!(written.headers, [("content-type", "application/cloudevents+json".to_owned())]);
        assert_eq!(written.id, "e-1");
        assert_eq!(written.body, serde_json::to_vec(&event).unwrap());
    }

    #[test]
    fn a_batch_is_a_list_with_an_id_that_follows_from_its_events() {
        let events = [event("e-1", "17"), event("e-2", "18")];
        let written = write(Mode::Batched(100), &events).unwrap();
        assert_eq!(written.headers[0].1, "application/cloudevents-batch+json");
        let body: Value = serde_json::from_slice(&written.body).unwrap();
        assert_eq!((body[0]["id"].as_str(), body[1]["subject"].as_str()), (Some("e-1"), Some("18")));
        assert_eq!(written.id, write(Mode::Batched(2), &events).unwrap().id);
        assert_ne!(
            written.id,
            write(Mode::Batched(100), &[event("e-1", "17"), event("e-3", "18")]).unwrap().id
        );
        let alone = write(Mode::Batched(100), &events[..1]).unwrap();
        assert!(alone.body.starts_with(b"[") && alone.id == "e-1", "a list of one");
    }

    #[test]
    fn a_binary_request_has_the_attributes_as_headers() {
        let written = write(Mode::Binary, &[event("e-1", "a \"b\" 100% ü")]).unwrap();
        assert_eq!(written.body, br#"{"changed":[]}"#);
        let shown: Vec<String> =
            written.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        insta::assert_snapshot!(shown.join("\n"), @r"
        content-type: application/json
        ce-specversion: 1.0
        ce-id: e-1
        ce-source: /tenants/contoso/subscriptions/hr
        ce-type: o365.listItem.updated
        ce-subject: a%20%22b%22%20100%25%20%C3%BC
        ce-time: 2027-01-15T08:00:00Z
        ce-sequence: 00000000000000000042
        ce-tenant: contoso
        ce-subscription: hr
        ");
    }
}
