//! Whether a notification body is one, and which of its elements are ours: pure, each element on its own.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::element::Element;
use crate::model::{Hint, HintKind, RemoteId};
use crate::seal::ClientStates;

/// The envelope, the same from Graph and SharePoint.
#[derive(Deserialize)]
struct Collection<E> {
    value: Vec<E>,
}

/// What an element turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// Ours.
    Genuine(Hint),
    /// Its `clientState` is missing or not one of ours.
    Forged(HintKind),
    /// Not a notification.
    Malformed,
}

impl Judged {
    /// Whether there is more in it than the hint.
    pub(super) fn may_bring_content(&self) -> bool {
        matches!(self, Self::Genuine(hint) if hint.kind == HintKind::Change && !hint.plain)
    }
}

/// Judges a body. `None`: there is no notification in it at all.
pub fn judge(body: &[u8], states: &ClientStates, now: DateTime<Utc>) -> Option<Vec<Judged>> {
    judge_headed(body, None, states, now)
}

/// The same, where a header of the request tells the `clientState` of elements that have none: SharePoint says it there
/// too, and its pages call the one in the body optional.
pub(super) fn judge_headed(
    body: &[u8],
    header: Option<&str>,
    states: &ClientStates,
    now: DateTime<Utc>,
) -> Option<Vec<Judged>> {
    let body = str::from_utf8(body).ok()?;
    let one = |element: &Element<'_>| judge_element(element, header, states, now);
    // What comes from Office 365 is read in one pass. Where that fails, each element stays text until it is judged, so
    // that a bad one does not reject the rest.
    let judged: Vec<Judged> = if let Ok(whole) = serde_json::from_str::<Collection<Element<'_>>>(body) {
        whole.value.iter().map(one).collect()
    } else {
        let parts: Collection<Part<'_>> = serde_json::from_str(body).ok()?;
        let read =
            |part: &Part<'_>| serde_json::from_str(part.0.get()).as_ref().map_or(Judged::Malformed, one);
        parts.value.iter().map(read).collect()
    };
    judged.iter().any(|element| *element != Judged::Malformed).then_some(judged)
}

/// An element as it was written.
#[derive(Deserialize)]
#[serde(transparent)]
struct Part<'a>(#[serde(borrow)] &'a RawValue);

fn judge_element(
    element: &Element<'_>,
    header: Option<&str>,
    states: &ClientStates,
    now: DateTime<Utc>,
) -> Judged {
    let kind = kind(element.lifecycle_event.as_deref());
    match element.client_state.as_deref().or(header).and_then(|state| states.verify(state)) {
        Some(subscription) => Judged::Genuine(Hint {
            subscription,
            // Guids arrive in either letter case. Which one a change was told by does not matter.
            remote: (kind != HintKind::Change)
                .then(|| RemoteId(element.subscription_id.to_ascii_lowercase())),
            kind,
            plain: kind == HintKind::Change && element.understood,
            received_at: now,
            content: None,
        }),
        None => Judged::Forged(kind),
    }
}

fn kind(lifecycle_event: Option<&str>) -> HintKind {
    match lifecycle_event {
        None => HintKind::Change,
        Some("missed") => HintKind::Missed,
        Some("subscriptionRemoved") => HintKind::SubscriptionRemoved,
        Some("reauthorizationRequired") => HintKind::ReauthorizationRequired,
        Some(_) => HintKind::UnknownLifecycle,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SubscriptionId;
    use crate::seal::KEY_BYTES;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use uuid::Uuid;

    const REMOTE: &str = "7b1e9a40-52c8-4d36-8f0b-3a5d2c917e64";

    fn states() -> ClientStates {
        ClientStates::new(&[7; KEY_BYTES])
    }

    fn id(number: u128) -> SubscriptionId {
        SubscriptionId(Uuid::from_u128(number))
    }

    fn judged(body: &Value) -> Option<Vec<Judged>> {
        judge(body.to_string().as_bytes(), &states(), DateTime::UNIX_EPOCH)
    }

    fn hint(kind: HintKind) -> Judged {
        Judged::Genuine(Hint {
            subscription: id(42),
            remote: (kind != HintKind::Change).then(|| RemoteId(REMOTE.to_owned())),
            kind,
            plain: kind == HintKind::Change,
            received_at: DateTime::UNIX_EPOCH,
            content: None,
        })
    }

    #[test]
    fn every_kind_of_notification_becomes_its_hint() {
        let state = states().of(id(42));
        for (payload, kind) in [
            (include_str!("../../tests/payloads/graph-list-updated.json"), HintKind::Change),
            (include_str!("../../tests/payloads/graph-drive-updated.json"), HintKind::Change),
            (include_str!("../../tests/payloads/graph-message-created.json"), HintKind::Change),
            (include_str!("../../tests/payloads/onedrive-personal.json"), HintKind::Change),
            (include_str!("../../tests/payloads/sharepoint-list.json"), HintKind::Change),
            (include_str!("../../tests/payloads/lifecycle-missed.json"), HintKind::Missed),
            (
                include_str!("../../tests/payloads/lifecycle-subscription-removed.json"),
                HintKind::SubscriptionRemoved,
            ),
            (
                include_str!("../../tests/payloads/lifecycle-reauthorization-required.json"),
                HintKind::ReauthorizationRequired,
            ),
            (include_str!("../../tests/payloads/lifecycle-unknown.json"), HintKind::UnknownLifecycle),
        ] {
            let body = payload.replace("CLIENT_STATE", &state);
            let judged = judge(body.as_bytes(), &states(), DateTime::UNIX_EPOCH);
            assert_eq!(judged, Some(vec![hint(kind)]), "{payload}");
        }
    }

    #[test]
    fn what_holds_no_notification_is_refused() {
        for body in [
            "",
            "nonsense",
            "null",
            "[]",
            "{}",
            r#"{"value":null}"#,
            r#"{"value":[]}"#,
            r#"{"value":{}}"#,
            r#"{"value":[1,"x",null,{},[]]}"#,
            r#"{"value":[{"subscriptionId":7}]}"#,
            r#"{"value":[{"subscriptionId":"a","clientState":{}}]}"#,
            r#"{"value":[{"subscriptionId":"a"}]"#,
            r#"{"value":[{"subscriptionId":"a"}]}x"#,
            r#"{"value":[{"subscriptionId":"a"}],"value":[]}"#,
        ] {
            assert_eq!(judge(body.as_bytes(), &states(), DateTime::UNIX_EPOCH), None, "{body}");
        }
        let deep = format!(r#"{{"value":[{}"#, "[".repeat(200_000));
        assert_eq!(judge(deep.as_bytes(), &states(), DateTime::UNIX_EPOCH), None);
    }

    #[test]
    fn each_element_is_judged_on_its_own() {
        let good = json!({"subscriptionId": REMOTE, "clientState": states().of(id(42))});
        let forged = json!({"subscriptionId": REMOTE, "clientState": "secret", "lifecycleEvent": "missed"});
        let nameless = json!({"subscriptionId": REMOTE, "clientState": null, "lifecycleEvent": null});
        assert_eq!(
            judged(&json!({"value": [good, 1, forged, nameless, good], "validationTokens": null})),
            Some(vec![
                hint(HintKind::Change),
                Judged::Malformed,
                Judged::Forged(HintKind::Missed),
                Judged::Forged(HintKind::Change),
                hint(HintKind::Change),
            ])
        );
    }

    #[test]
    fn what_the_header_says_counts_only_where_the_body_says_nothing() {
        let (ours, others) = (states().of(id(42)), ClientStates::new(&[8; KEY_BYTES]).of(id(42)));
        let forged = || Judged::Forged(HintKind::Change);
        for (in_body, in_header, expected) in [
            (None, Some(&ours), hint(HintKind::Change)),
            (None, Some(&others), forged()),
            (None, None, forged()),
            (Some(&others), Some(&ours), forged()),
            (Some(&ours), Some(&others), hint(HintKind::Change)),
        ] {
            let mut element = json!({"subscriptionId": REMOTE});
            if let Some(state) = in_body {
                element["clientState"] = json!(state);
            }
            let body = json!({"value": [element]}).to_string();
            let header = in_header.map(String::as_str);
            let judged = judge_headed(body.as_bytes(), header, &states(), DateTime::UNIX_EPOCH);
            assert_eq!(judged, Some(vec![expected]), "{in_body:?} {in_header:?}");
        }
    }

    fn element() -> impl Strategy<Value = Value> {
        let lifecycle =
            prop_oneof![Just(Value::Null), Just(json!("missed")), "[a-z]{1,9}".prop_map(Value::from)];
        let state = prop_oneof![
            (0_u128..5).prop_map(|n| Value::from(states().of(id(n)))),
            "[ -~]{0,90}".prop_map(Value::from),
            Just(Value::Null)
        ];
        prop_oneof![
            4 => (state, lifecycle).prop_map(|(state, event)| json!({"subscriptionId": REMOTE, "clientState": state, "lifecycleEvent": event})),
            1 => Just(json!({"value": []})),
        ]
    }

    fn hints(elements: &[Value]) -> Vec<Judged> {
        judged(&json!({"value": elements}))
            .unwrap_or_default()
            .into_iter()
            .filter(|e| *e != Judged::Malformed)
            .collect()
    }

    proptest! {
        #[test]
        fn any_split_of_a_batch_yields_the_same(elements in prop::collection::vec(element(), 0..12), at in 0_usize..12) {
            let (left, right) = elements.split_at(at.min(elements.len()));
            prop_assert_eq!([hints(left), hints(right)].concat(), hints(&elements));
        }

        #[test]
        fn arbitrary_bytes_are_judged_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..300), text in r#"\{"value":\[[ -~é]{0,60}\]\}"#) {
            let _ = judge(&body, &states(), DateTime::UNIX_EPOCH);
            let _ = judge(text.as_bytes(), &states(), DateTime::UNIX_EPOCH);
        }
    }
}
