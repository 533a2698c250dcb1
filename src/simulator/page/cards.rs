//! The cards that channels got, drawn in plain words.

use serde_json::Value;

use super::html::Html;
use crate::simulator::cards::Received;
use crate::simulator::world::{World, graph_time};

/// As many of the latest cards are drawn.
const LATEST: usize = 30;
/// Containers within each other that are drawn; a card needs no more.
const DEPTH: usize = 8;

/// The latest first.
pub(super) fn all(world: &World) -> Html {
    let received: Vec<Html> = world.cards.received.iter().rev().take(LATEST).map(one).collect();
    if received.is_empty() {
        return Html::section("Cards", [Html::element("p", "none", [Html::text("None came so far.")])]);
    }
    Html::element("div", "columns", received)
}

fn one(received: &Received) -> Html {
    let heading = format!("{} ({})", received.channel, received.kind.as_str());
    let (good, text) = match &received.problem {
        None => (true, format!("shown, {} bytes", received.bytes)),
        Some(problem) => (false, problem.clone()),
    };
    let time = Html::element("time", "", [Html::text(graph_time(received.at))]);
    let mut parts = vec![Html::element("p", "small", [time]), Html::badge(good, text)];
    match received.body.get("attachments").and_then(Value::as_array) {
        Some(attachments) => {
            for card in attachments.iter().filter_map(|one| one.get("content")) {
                elements(&mut parts, card.get("body"), 0);
                buttons(&mut parts, card.get("actions"), "/title", "/url");
            }
        }
        None => message_card(&mut parts, &received.body),
    }
    Html::section(&heading, parts)
}

/// The elements of an Adaptive Card.
fn elements(parts: &mut Vec<Html>, list: Option<&Value>, depth: usize) {
    for element in list.and_then(Value::as_array).into_iter().flatten() {
        text(parts, element, "/text", element.get("weight").is_some());
        facts(parts, element.get("facts"), "/title");
        if depth < DEPTH {
            elements(parts, element.get("items"), depth + 1);
        }
    }
}

fn message_card(parts: &mut Vec<Html>, card: &Value) {
    text(parts, card, "/title", true);
    text(parts, card, "/text", false);
    for section in card.get("sections").and_then(Value::as_array).into_iter().flatten() {
        for path in ["/title", "/activityTitle", "/activitySubtitle", "/activityText", "/text"] {
            text(parts, section, path, false);
        }
        facts(parts, section.get("facts"), "/name");
    }
    buttons(parts, card.get("potentialAction"), "/name", "/targets/0/uri");
}

fn text(parts: &mut Vec<Html>, of: &Value, path: &str, heading: bool) {
    if let Some(text) = of.pointer(path).and_then(Value::as_str) {
        parts.push(Html::element(if heading { "h3" } else { "p" }, "", [Html::text(text)]));
    }
}

fn facts(parts: &mut Vec<Html>, facts: Option<&Value>, title: &str) {
    for fact in facts.and_then(Value::as_array).into_iter().flatten() {
        let said = |path: &str| Html::text(fact.pointer(path).and_then(Value::as_str).unwrap_or_default());
        let name = Html::element("span", "soft", [said(title), Html::text(": ")]);
        parts.push(Html::element("div", "", [name, said("/value")]));
    }
}

/// Where buttons lead is told, and not followed.
fn buttons(parts: &mut Vec<Html>, actions: Option<&Value>, title: &str, url: &str) {
    for action in actions.and_then(Value::as_array).into_iter().flatten() {
        let said = |path: &str| action.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let leads = Html::element("span", "small", [Html::code(said(url))]);
        parts.push(Html::element("p", "", [Html::element("b", "", [Html::text(said(title))]), leads]));
    }
}
