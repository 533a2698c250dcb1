//! The body of a notification, from anybody: only what carries our MAC is genuine, and each element is judged on its
//! own, whoever its neighbours are.
//!
//! No mutation finds a MAC, so `CLIENT_STATE` in an input stands for a valid one, as in `tests/payloads`.
#![no_main]

use std::collections::BTreeMap;
use std::sync::OnceLock;

use chrono::DateTime;
use libfuzzer_sys::fuzz_target;
use o365_listener::model::{HintKind, SubscriptionId};
use o365_listener::receive::judge::{Judged, judge};
use o365_listener::seal::ClientStates;
use serde_json::value::RawValue;
use uuid::Uuid;

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
        is_right(element.get(), judged);
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

/// Compares a judgement with what the element says, read in another way.
fn is_right(element: &str, judged: &Judged) {
    let said = |name, position| text(element, name, position);
    let is_ours = said("clientState", 1).as_deref() == Some(bench().ours.as_str());
    match judged {
        Judged::Genuine(hint) => {
            assert!(is_ours, "taken for ours");
            assert_eq!(hint.subscription, OURS);
            let remote = hint.remote.as_ref().map(|remote| remote.0.clone());
            assert_eq!(remote, said("subscriptionId", 0).map(|id| id.to_ascii_lowercase()));
            assert_eq!(hint.kind, kind(said("lifecycleEvent", 2).as_deref()));
        }
        Judged::Forged(told) => {
            assert!(!is_ours, "taken for a forgery");
            assert_eq!(*told, kind(said("lifecycleEvent", 2).as_deref()));
        }
        Judged::Malformed => {}
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

/// The elements, if the body is a collection. serde takes an array for a structure, its fields in order: lenient,
/// and harmless here.
fn elements(body: &[u8]) -> Option<Vec<Box<RawValue>>> {
    let text = std::str::from_utf8(body).ok()?;
    serde_json::from_str(field(text, "value", 0)?.get()).ok()
}

fn text(element: &str, name: &str, position: usize) -> Option<String> {
    serde_json::from_str(field(element, name, position)?.get()).ok()
}

fn field(text: &str, name: &str, position: usize) -> Option<Box<RawValue>> {
    let object = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(text);
    let mut list = || serde_json::from_str::<Vec<Box<RawValue>>>(text).ok()?.into_iter().nth(position);
    object.ok().map_or_else(&mut list, |mut object| object.remove(name))
}
