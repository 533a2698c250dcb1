//! Events as requests, in the three modes of the `CloudEvents` HTTP binding.

use aws_lc_rs::digest::{SHA256, digest};
use chrono::SecondsFormat;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;

use crate::config::Mode;
use crate::model::Event;

/// What the binding wants encoded in a header's value, beside all that is not ASCII.
const IN_HEADERS: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

/// What an event's attributes take up, usually.
const ATTRIBUTES: usize = 640;

/// What a request is made of, but for what is the same in all.
#[derive(Debug)]
pub(super) struct Written {
    /// The same for the same events, whenever they are sent: a receiver tells a repetition by it.
    pub id: String,
    pub content_type: &'static str,
    /// The other headers.
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// Writes events, of which there is one unless they go in batches.
pub(super) fn write(mode: Mode, events: &[Event]) -> serde_json::Result<Written> {
    let (content_type, headers, body) = match (mode, events) {
        (Mode::Binary, [event]) => {
            ("application/json", attributes(event), event.data.get().as_bytes().to_vec())
        }
        (Mode::Structured, [event]) => ("application/cloudevents+json", Vec::new(), json(event, events)?),
        _ => ("application/cloudevents-batch+json", Vec::new(), json(events, events)?),
    };
    Ok(Written { id: id(events), content_type, headers, body })
}

/// What is made of events as JSON, in room that seldom has to grow.
fn json(body: &(impl Serialize + ?Sized), events: &[Event]) -> serde_json::Result<Vec<u8>> {
    let mut text = Vec::with_capacity(events.iter().map(|event| event.data.get().len() + ATTRIBUTES).sum());
    serde_json::to_writer(&mut text, body)?;
    Ok(text)
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
    let attributes = [
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
    attributes.map(|(name, value)| (name, utf8_percent_encode(&value, IN_HEADERS).to_string())).to_vec()
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
        assert_eq!((written.content_type, written.headers.len()), ("application/cloudevents+json", 0));
        assert_eq!(written.id, "e-1");
        assert_eq!(written.body, serde_json::to_vec(&event).unwrap());
    }

    #[test]
    fn a_batch_is_a_list_with_an_id_that_follows_from_its_events() {
        let events = [event("e-1", "17"), event("e-2", "18")];
        let written = write(Mode::Batched(100), &events).unwrap();
        assert_eq!(written.content_type, "application/cloudevents-batch+json");
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
        assert_eq!(written.content_type, "application/json");
        let shown: Vec<String> =
            written.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        insta::assert_snapshot!(shown.join("\n"), @r"
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
