//! Delta of drives and of lists.
//!
//! A token is a place in the count of all changes. Everything of the list that changed after it is told in its
//! latest state and in the order of its latest change, so an item that changes while a round is being read
//! comes again later in that round, and nothing is ever left out.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use serde_json::{Value, json};
use uuid::Uuid;

use super::shapes::{self, Fields};
use super::{kept_options, select};
use crate::simulator::error::GraphError;
use crate::simulator::wire::{Answer, Call, Outcome};
use crate::simulator::world::{Item, List, Site, World};

const OPTIONS: [&str; 3] = ["$select", "$expand", "$top"];

/// From which side a library is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Drive,
    Items,
}

/// What a token says.
struct Place {
    cursor: u64,
    /// Deletions up to here are left out: the round began with nothing.
    began: u64,
}

/// One page.
pub(super) fn answer(world: &mut World, call: &Call, view: View, list: Uuid) -> Outcome {
    if view == View::Drive && call.query("$expand").is_some_and(|expand| expand.contains("listItem")) {
        return Err(GraphError::invalid(
            "The query specified in the URI is not valid: listItem cannot be expanded.",
        ));
    }
    let base = base(world, view, world.list(list)?);
    let options = kept_options(call, &OPTIONS);
    let start_again = call.link(&format!("{base}?{options}")).trim_end_matches(['?', '&']).to_owned();
    let place = place(world, call, view, world.list(list)?, start_again)?;
    let record = world.list(list)?;
    let size = call.top().unwrap_or(usize::MAX).min(world.settings.page_size);
    let mut told: Vec<&Item> = record
        .changed_since(place.cursor)
        .filter(|item| view == View::Drive || record.drive.is_none() || item.id != 0)
        .filter(|item| !item.deleted || item.change > place.began)
        .take(size.saturating_add(1))
        .collect();
    let more = told.len() > size;
    told.truncate(size);
    let reached = told.last().map_or(place.cursor, |item| item.change);
    let values = match view {
        View::Drive => drive_page(world, call, record, &told, place.cursor),
        View::Items => items_page(world, call, record, &told),
    };
    let next = Place {
        cursor: if more { reached } else { world.latest_change() },
        began: if more { place.began } else { 0 },
    };
    let number = world.next_token();
    let token = write_token(view, list, &next, number);
    let link = if !more && view == View::Drive {
        // Both forms of links are seen in the field: this one, and `?token=`.
        let options =
            if options.is_empty() { String::new() } else { format!("?{}", options.trim_end_matches('&')) };
        call.link(&format!("{base}(token='{token}'){options}"))
    } else {
        call.link(&format!("{base}?{options}token={token}"))
    };
    let kind = if view == View::Drive { "Collection(driveItem)" } else { "Collection(listItem)" };
    let name = if more { "@odata.nextLink" } else { "@odata.deltaLink" };
    Ok(Answer::json(200, json!({"@odata.context": call.context(kind), "value": values, name: link})))
}

fn base(world: &World, view: View, list: &List) -> String {
    if let (View::Drive, Some(drive)) = (view, &list.drive) {
        return format!("drives/{}/root/delta", drive.id);
    }
    let site = world.site_of(list.site).map(Site::id).unwrap_or_default();
    format!("sites/{site}/lists/{}/items/delta", list.id)
}

/// Where the caller stands.
fn place(
    world: &World,
    call: &Call,
    view: View,
    list: &List,
    start_again: String,
) -> Result<Place, GraphError> {
    let latest = world.latest_change();
    let Some(token) = call.query("token") else { return Ok(Place { cursor: 0, began: latest }) };
    if token == "latest" {
        return Ok(Place { cursor: latest, began: 0 });
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(token) {
        return Ok(Place { cursor: list.cursor_at(time.to_utc()).unwrap_or(latest), began: 0 });
    }
    read_token(view, list, token).ok_or_else(|| world.settings.resync.refusal(start_again))
}

fn write_token(view: View, list: Uuid, place: &Place, number: u64) -> String {
    let Place { cursor, began } = place;
    URL_SAFE_NO_PAD.encode(format!("{view:?};{};{cursor};{began};{number}", list.simple()))
}

fn read_token(view: View, list: &List, token: &str) -> Option<Place> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let parts: Vec<&str> = text.split(';').collect();
    let [of, id, cursor, began, number] = parts.as_slice() else { return None };
    let number: u64 = number.parse().ok()?;
    let mine =
        *of == format!("{view:?}") && *id == list.id.simple().to_string() && number >= list.oldest_token;
    let place = Place { cursor: cursor.parse().ok()?, began: began.parse().ok()? };
    mine.then_some(place)
}

/// Changed files and folders, each after the folders above it, which come along though they did not change.
fn drive_page(world: &World, call: &Call, list: &List, told: &[&Item], cursor: u64) -> Vec<Value> {
    let wanted = call.select();
    let without_parents = call.header("deltaExcludeParent").is_some();
    let mut seen: Vec<u64> = told.iter().map(|item| item.id).collect();
    let mut page: Vec<&Item> = Vec::new();
    for item in told {
        let mut above: Vec<&Item> = list.ancestors(item);
        above.reverse();
        for folder in above {
            // The root comes even when parents are not wanted.
            let unwanted = folder.deleted || (without_parents && folder.id != 0) || folder.change > cursor;
            if !unwanted && !seen.contains(&folder.id) {
                seen.push(folder.id);
                page.push(folder);
            }
        }
        page.push(item);
    }
    let with_ids = wanted.as_ref().is_some_and(|names| names.iter().any(|name| name == "sharepointIds"));
    page.into_iter()
        .map(|item| {
            let mut body = shapes::drive_item_in_delta(world, &call.origin, list, item);
            if let (true, Some(object)) = (with_ids, body.as_object_mut()) {
                object.insert("sharepointIds".to_owned(), shapes::sharepoint_ids(world, list, item));
            }
            select(body, wanted.as_deref())
        })
        .collect()
}

fn items_page(world: &World, call: &Call, list: &List, told: &[&Item]) -> Vec<Value> {
    let (fields, wanted) = (Fields::of(call), call.select());
    let bodies = told.iter().map(|item| shapes::list_item(world, list, item, &fields));
    bodies.map(|body| select(body, wanted.as_deref())).collect()
}
