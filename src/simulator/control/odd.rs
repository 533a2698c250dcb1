//! Pages of changes that are as odd as they have been seen.

use actix_web::web::Bytes;
use serde::Deserialize;
use serde_json::Value;

use crate::simulator::wire::{Answer, Body, Call};
use crate::simulator::world::World;

/// The parameter that tells a link of ours from the one it was made of; Graph's own part ignores it.
const MARK: &str = "odd";

/// What happens to the next `count` pages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OddPage {
    kind: Kind,
    #[serde(default = "once")]
    count: u32,
    /// Which addresses it strikes; none: every one that ends with `delta`.
    #[serde(default)]
    path_prefix: String,
    /// For `elements`: what stands before the page's own, each as text, whether it is JSON or not.
    #[serde(default)]
    elements: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    /// Something else stands among the items.
    Elements,
    /// Nothing, and a link to the page that was asked for.
    Empty,
    /// Nothing, and a link that is the page's own.
    Itself,
    /// Nothing, and a link to another such page, which leads back.
    Around,
    /// The delta link says "latest".
    Latest,
    /// Items of a list without their columns, which are no part of what is told by default.
    Bare,
    /// What a proxy says instead.
    Html,
}

fn once() -> u32 {
    1
}

/// The answer, or what becomes of it; `target` is path and query of the request.
pub(crate) fn make_odd(world: &mut World, call: &Call, target: &str, answer: Answer) -> Answer {
    let Body::Json(page) = &answer.body else { return answer };
    if call.method != "GET" || call.segments.last().is_none_or(|last| last != "delta") {
        return answer;
    }
    let struck = |odd: &OddPage| target.starts_with(&odd.path_prefix);
    let Some(at) = world.odd_pages.iter().position(struck) else { return answer };
    let Some(odd) = world.odd_pages.get_mut(at) else { return answer };
    odd.count = odd.count.saturating_sub(1);
    let struck = odd.clone();
    if struck.count == 0 {
        world.odd_pages.remove(at);
    }
    let here = format!("{}{target}", call.origin);
    let body = match struck.kind {
        Kind::Elements => Body::Bytes { content_type: JSON.to_owned(), bytes: among(page, &struck.elements) },
        Kind::Empty => leading_to(page, "@odata.nextLink", marked(&here, struck.count)),
        Kind::Itself => leading_to(page, "@odata.nextLink", here),
        Kind::Around => leading_to(page, "@odata.nextLink", marked(&here, struck.count % 2)),
        Kind::Latest => {
            let base = here.split(['?', '(']).next().unwrap_or_default().to_owned();
            leading_to(page, "@odata.deltaLink", format!("{base}?token=latest"))
        }
        Kind::Bare => Body::Json(without_columns(page)),
        Kind::Html => {
            let bytes = Bytes::from_static(b"<!DOCTYPE html><html><body>Please sign in</body></html>");
            Body::Bytes { content_type: "text/html".to_owned(), bytes }
        }
    };
    Answer { body, ..answer }
}

const JSON: &str = "application/json";

/// The page's text with these elements before its own.
fn among(page: &Value, elements: &[String]) -> Bytes {
    let mut page = page.clone();
    let own = page.get_mut("value").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default();
    let all: Vec<String> = elements.iter().cloned().chain(own.iter().map(Value::to_string)).collect();
    let text = page.to_string().replacen("\"value\":[]", &format!("\"value\":[{}]", all.join(",")), 1);
    Bytes::from(text)
}

fn without_columns(page: &Value) -> Value {
    let mut page = page.clone();
    let items = page.get_mut("value").and_then(Value::as_array_mut);
    for item in items.into_iter().flatten().filter_map(Value::as_object_mut) {
        item.remove("fields");
    }
    page
}

/// The link with another mark.
fn marked(link: &str, mark: u32) -> String {
    let bare = link.split(&[MARK, "="].concat()).next().unwrap_or(link).trim_end_matches(['?', '&']);
    let join = if bare.contains('?') { '&' } else { '?' };
    format!("{bare}{join}{MARK}={mark}")
}

/// A page without items that leads there.
fn leading_to(page: &Value, name: &str, link: String) -> Body {
    let mut page = page.clone();
    if let Some(page) = page.as_object_mut() {
        page.remove("@odata.nextLink");
        page.remove("@odata.deltaLink");
        page.insert("value".to_owned(), Value::Array(Vec::new()));
        page.insert(name.to_owned(), Value::from(link));
    }
    Body::Json(page)
}
