//! The body of a notification, from anybody: only what carries our MAC is genuine, and each element is judged on its
//! own, whoever its neighbours are.
//!
//! No mutation finds a MAC, so `CLIENT_STATE` in an input stands for a valid one, as in `tests/payloads`.
#![no_main]

mod reading;

use std::collections::HashMap;
use std::sync::OnceLock;

use chrono::DateTime;
use libfuzzer_sys::fuzz_target;
use o365_listener::model::{Hint, HintKind, RemoteId, SubscriptionId};
use o365_listener::receive::judge::{Judged, judge};
use o365_listener::seal::ClientStates;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use uuid::Uuid;

use reading::{fields, text};

const OURS: SubscriptionId = SubscriptionId(Uuid::from_u128(42));
const PLACEHOLDER: &[u8] = b"CLIENT_STATE";
/// Bodies with more elements are judged whole, but not taken apart.
const FEW: usize = 24;

struct Bench {
    states: ClientStates,
    /// With another key: to them nothing here is genuine.
    others: ClientStates,
    ours: String,
}

fn bench() -> &'static Bench {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    BENCH.get_or_init(|| {
        let states = ClientStates::new(&[7; 32]);
        let ours = states.of(OURS);
        Bench { states, others: ClientStates::new(&[8; 32]), ours }
    })
}

fuzz_target!(|input: &[u8]| {
    let body = filled(input);
    let judged = judged(&body);
    nothing_is_genuine_to_another_key(&body, judged.as_deref());
    let Some(elements) = elements(&body) else {
        assert_eq!(judged, None, "there is no collection");
        return;
    };
    let each: Vec<Judged> = elements.iter().map(|element| alone(element.get())).collect();
    for (element, judged) in elements.iter().zip(&each) {
        assert_eq!(*judged, expected(element.get()));
    }
    let any = each.iter().any(|judged| *judged != Judged::Malformed);
    assert_eq!(judged, any.then(|| each.clone()), "an element is judged by its neighbours");
    if elements.len() <= FEW {
        splits_and_merges_change_nothing(&elements, &each);
    }
});

fn filled(input: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(input.len());
    let mut rest = input;
    while let Some(at) = rest.windows(PLACEHOLDER.len()).position(|part| part == PLACEHOLDER) {
        body.extend_from_slice(&rest[..at]);
        body.extend_from_slice(bench().ours.as_bytes());
        rest = &rest[at + PLACEHOLDER.len()..];
    }
    body.extend_from_slice(rest);
    body
}

fn judged(body: &[u8]) -> Option<Vec<Judged>> {
    judge(body, &bench().states, DateTime::UNIX_EPOCH)
}

fn nothing_is_genuine_to_another_key(body: &[u8], ours: Option<&[Judged]>) {
    let theirs = judge(body, &bench().others, DateTime::UNIX_EPOCH);
    let forged = ours.map(|judged| {
        let forge = |judged: &Judged| match judged {
            Judged::Genuine(hint) => Judged::Forged(hint.kind),
            other => other.clone(),
        };
        judged.iter().map(forge).collect::<Vec<_>>()
    });
    assert_eq!(theirs, forged);
}

/// A body of one element; `Malformed` where that is refused as a whole.
fn alone(element: &str) -> Judged {
    match judged(format!(r#"{{"value":[{element}]}}"#).as_bytes()).as_deref() {
        None => Judged::Malformed,
        Some([judged]) => judged.clone(),
        Some(more) => panic!("one element was judged as {}", more.len()),
    }
}

/// The judgement, once more: from the element read in another way.
fn expected(element: &str) -> Judged {
    let names = ["subscriptionId", "clientState", "lifecycleEvent", "changeType"];
    let Some([id, state, event, change]) =
        fields(element.as_bytes(), names).filter(|_| element.starts_with('{'))
    else {
        return Judged::Malformed;
    };
    let (Some(Some(remote)), Some(state), Some(event), Some(change)) =
        (text(id.as_deref()), text(state.as_deref()), text(event.as_deref()), text(change.as_deref()))
    else {
        return Judged::Malformed;
    };
    let kind = kind(event.as_deref());
    if state.as_deref() != Some(bench().ours.as_str()) {
        return Judged::Forged(kind);
    }
    Judged::Genuine(Hint {
        subscription: OURS,
        remote: (kind != HintKind::Change).then(|| RemoteId(remote.to_ascii_lowercase())),
        kind,
        plain: kind == HintKind::Change && is_plain(element, change.as_deref()),
        received_at: DateTime::UNIX_EPOCH,
        content: None,
    })
}

/// Whether all that is in it has been known to be in notifications.
fn is_plain(element: &str, change: Option<&str>) -> bool {
    let known = [
        "@odata.type",
        "changeType",
        "clientState",
        "expirationDateTime",
        "id",
        "lifecycleEvent",
        "organizationId",
        "resource",
        "resourceData",
        "sequenceNumber",
        "siteUrl",
        "subscriptionExpirationDateTime",
        "subscriptionId",
        "tenantId",
        "webId",
    ];
    let fields: HashMap<String, IgnoredAny> = serde_json::from_str(element).unwrap_or_default();
    matches!(change, None | Some("created" | "updated" | "deleted"))
        && fields.keys().all(|name| known.contains(&name.as_str()))
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

fn splits_and_merges_change_nothing(elements: &[Box<RawValue>], each: &[Judged]) {
    let ours = &bench().ours;
    let good = format!(r#"{{"subscriptionId":"R","clientState":"{ours}"}}"#);
    let genuine = alone(&good);
    for at in 0..=elements.len() {
        let (left, right) = elements.split_at(at);
        let text: Vec<&str> = left.iter().map(|element| element.get()).collect();
        let rest: Vec<&str> = right.iter().map(|element| element.get()).collect();
        // With a good one at the seam, so that no part is refused as a whole.
        let merged = [text, vec![&good], rest].concat().join(",");
        let expected = [&each[..at], std::slice::from_ref(&genuine), &each[at..]].concat();
        assert_eq!(judged(format!(r#"{{"value":[{merged}]}}"#).as_bytes()), Some(expected));
    }
}

/// The elements, if the body is a collection.
fn elements(body: &[u8]) -> Option<Vec<Box<RawValue>>> {
    str::from_utf8(body).ok()?;
    let [value] = fields(body, ["value"])?;
    serde_json::from_str(value?.get()).ok()
}
