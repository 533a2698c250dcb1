//! `GetChanges`: what was done to the items of a list since a change token, a row for each.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::SiteCall;
use super::error::{bad_query, bad_token, read};
use super::metadata::{Entity, Property, sends_verbose};
use super::token::{self, Place};
use crate::simulator::error::GraphError;
use crate::simulator::wire::Outcome;
use crate::simulator::world::{Action, KEPT, List, Row, World, graph_time};

/// Rows in an answer, unless the caller says how many, and at most.
const USUAL: usize = 1000;
const MOST: usize = 2000;

/// What becomes of a change token that is older than the log.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct OldTokens {
    /// Otherwise the answer is empty, as if nothing had happened.
    refuse_old: bool,
}

/// What is asked for.
struct Query<'a>(&'a Value);

impl Query<'_> {
    fn wants(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool) == Some(true)
    }

    fn wants_row(&self, row: &Row) -> bool {
        let kind = match row.action {
            Action::Add => "Add",
            Action::Update => "Update",
            Action::Delete => "DeleteObject",
            Action::Rename => "Rename",
            Action::MoveAway | Action::MoveInto => "Move",
            Action::Restore => "Restore",
            Action::SystemUpdate => "SystemUpdate",
            Action::AssignmentAdd => "RoleAssignmentAdd",
        };
        self.wants("Item") && self.wants(kind) && (row.at_top || self.wants("RecursiveAll"))
    }

    fn token(&self, name: &str, list: Uuid) -> Result<Option<Place>, GraphError> {
        let text = self.0.get(name).and_then(|token| token.get("StringValue")).and_then(Value::as_str);
        text.map(|text| token::read(list, text)).transpose()
    }

    /// An Int64: as a text always, as a number only outside of verbose JSON.
    fn limit(&self, verbose: bool) -> Result<usize, GraphError> {
        let invalid = || bad_query("Cannot convert a primitive value to the expected type 'Edm.Int64'.");
        let wanted = match self.0.get("FetchLimit") {
            None | Some(Value::Null) => return Ok(USUAL),
            Some(Value::String(text)) => text.parse().map_err(|_| invalid())?,
            Some(Value::Number(number)) if !verbose => number.as_u64().ok_or_else(invalid)?,
            Some(_) => return Err(invalid()),
        };
        Ok(usize::try_from(wanted).map_err(|_| invalid())?.clamp(1, MOST))
    }
}

pub(super) fn answer(world: &mut World, call: &SiteCall<'_>, list: Uuid) -> Outcome {
    let body = read(call.call)?;
    let verbose = sends_verbose(call.call);
    let query =
        body.get("query").ok_or_else(|| bad_query("The parameter query does not exist in the request."))?;
    check_types(query, verbose)?;
    let query = Query(query);
    let limit = query.limit(verbose)?;
    let (start, end) = (query.token("ChangeTokenStart", list)?, query.token("ChangeTokenEnd", list)?);
    let (now, record) = (world.clock.now(), world.list(list)?);
    let found: Vec<&Row> = if start.map_or(Ok(true), |start| reaches(world, record, start, now))? {
        let wanted = |row: &&Row| {
            let after = start
                .is_none_or(|start| start.number.map_or(row.at >= start.at, |number| row.number > number));
            let before =
                end.is_none_or(|end| end.number.map_or(row.at <= end.at, |number| row.number <= number));
            after && before && query.wants_row(row)
        };
        if query.wants("LatestFirst") {
            record.log.kept(now).rev().filter(wanted).take(limit).collect()
        } else {
            record.log.kept(now).filter(wanted).take(limit).collect()
        }
    } else {
        Vec::new()
    };
    let rows: Vec<Entity> = found.into_iter().map(|row| entity(world, call, record, row)).collect();
    Ok(call.many("SP.ApiData.Changes", &rows, None))
}

/// Whether the log still reaches back to a place. That it does not, SharePoint says only sometimes.
fn reaches(world: &World, list: &List, start: Place, now: DateTime<Utc>) -> Result<bool, GraphError> {
    let old = start.at < now - KEPT;
    if list.log.is_cut_off(start.number, start.at) || (old && world.settings.old_tokens.refuse_old) {
        let message = "The changeToken refers to a time before the start of the current change log.";
        return Err(bad_token(-2_130_575_172, message));
    }
    Ok(!old)
}

/// In verbose JSON objects have to say what they are.
fn check_types(query: &Value, verbose: bool) -> Result<(), GraphError> {
    let tokens = ["ChangeTokenStart", "ChangeTokenEnd"].into_iter().filter_map(|name| query.get(name));
    let mut typed =
        std::iter::once((query, "SP.ChangeQuery")).chain(tokens.map(|one| (one, "SP.ChangeToken")));
    let said = |(value, kind): (&Value, &str)| {
        value.is_null() || value.pointer("/__metadata/type").and_then(Value::as_str) == Some(kind)
    };
    if !verbose || typed.all(said) {
        return Ok(());
    }
    Err(bad_query("An entry without a type name was found, but no expected type was specified."))
}

fn entity(world: &World, call: &SiteCall<'_>, list: &List, row: &Row) -> Entity {
    let site = world.site_of(list.site);
    let number = match row.action {
        Action::Add => 1,
        Action::Update => 2,
        Action::Delete => 3,
        Action::Rename => 4,
        Action::MoveAway => 5,
        Action::MoveInto => 6,
        Action::Restore => 7,
        Action::AssignmentAdd => 11,
        Action::SystemUpdate => 15,
    };
    let value = token::write(list.id, row.number, row.at);
    let uri =
        call.link(&format!("SP.ChangeItem{}", Uuid::from_u128(list.id.as_u128() ^ u128::from(row.number))));
    Entity::new("SP.ChangeItem", uri)
        .with("ChangeToken", Property::Complex("SP.ChangeToken", json!({"StringValue": value})))
        .plain("ChangeType", json!(number))
        .plain("SiteId", json!(site.map(|site| site.collection)))
        .plain("Time", json!(graph_time(row.at)))
        .plain("Editor", json!(""))
        .plain("EditorEmailHint", Value::Null)
        .plain("ItemId", json!(row.item))
        .plain("ListId", json!(list.id))
        .plain("ServerRelativeUrl", json!(""))
        .plain("SharedByUser", Value::Null)
        .plain("SharedWithUsers", Value::Null)
        .plain("UniqueId", json!(row.unique_id))
        .plain("WebId", json!(site.map(|site| site.web)))
}
