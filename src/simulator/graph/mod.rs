//! Microsoft Graph, as far as change notifications and the data behind them need it.

mod batch;
mod drive_writes;
mod drives;
mod item_delta;
mod lists;
mod mail;
mod mail_delta;
mod mail_shape;
mod mail_writes;
mod own;
mod shapes;
mod sites;
pub(crate) mod subscriptions;
mod users;

use std::sync::Arc;

use serde_json::{Map, Value, json};
use uuid::Uuid;

pub(crate) use mail_shape::message_body;
pub(crate) use shapes::{Fields, drive_item_in_delta, list_item};

use super::entra;
use super::error::GraphError;
use super::server::Shared;
use super::wire::{Answer, Body, Call, Outcome};
use super::world::{Content, World};

/// Permissions that each allow reading list items.
pub(crate) const SITE_READ: &[&str] =
    &["Sites.Read.All", "Sites.ReadWrite.All", "Sites.Manage.All", "Sites.FullControl.All"];
const SITE_WRITE: &[&str] = &["Sites.ReadWrite.All", "Sites.Manage.All", "Sites.FullControl.All"];
/// Permissions that each allow reading files.
pub(crate) const FILE_READ: &[&str] = &[
    "Files.Read.All",
    "Files.ReadWrite.All",
    "Sites.Read.All",
    "Sites.ReadWrite.All",
    "Sites.FullControl.All",
];
const FILE_WRITE: &[&str] = &["Files.ReadWrite.All", "Sites.ReadWrite.All", "Sites.FullControl.All"];
/// Permissions that each allow reading mail.
pub(crate) const MAIL_READ: &[&str] = &["Mail.Read", "Mail.ReadWrite"];
const MAIL_WRITE: &[&str] = &["Mail.ReadWrite"];
const MAIL_SEND: &[&str] = &["Mail.Send"];
const USER_READ: &[&str] =
    &["User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"];

/// Answers a call to Graph.
pub(crate) async fn answer(shared: &Arc<Shared>, call: &Call) -> Outcome {
    let user = entra::verify(&shared.world(), call.header("authorization"))?;
    let call = &Call { user, ..call.clone() };
    let path: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["$batch"] => batch::answer(shared, call).await,
        _ => one(shared, call).await,
    }
}

/// A call that is no batch.
async fn one(shared: &Arc<Shared>, call: &Call) -> Outcome {
    let path: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    own::permit(&shared.world(), call, &path)?;
    match path.as_slice() {
        ["subscriptions", rest @ ..] => subscriptions::answer(shared, call, rest).await,
        ["sites", rest @ ..] => sites::answer(&mut shared.world(), call, rest),
        ["drives", id, rest @ ..] => {
            let mut world = shared.world();
            require(&world, FILE_READ, "accessDenied")?;
            let list = world.drive(id)?.id;
            drives::answer(&mut world, call, list, rest)
        }
        ["users", rest @ ..] => users::answer(&mut shared.world(), call, rest),
        ["me", ..] => {
            let message = "/me request is only valid with delegated authentication flow.";
            Err(GraphError::new(400, "BadRequest", message))
        }
        [first, ..] => Err(GraphError::segment(first)),
        [] => Err(GraphError::segment("")),
    }
}

/// Refuses unless the app was granted one of these permissions.
fn require(world: &World, any_of: &[&str], code: &'static str) -> Result<(), GraphError> {
    if world.granted(any_of) {
        return Ok(());
    }
    Err(GraphError::new(
        403,
        code,
        match code {
            "ErrorAccessDenied" => "Access is denied. Check credentials and try again.",
            "Authorization_RequestDenied" => "Insufficient privileges to complete the operation.",
            _ => "Access denied",
        },
    ))
}

/// A download address needs no token: whoever has it may read.
pub(crate) fn download(world: &World, list: &str, item: &str) -> Outcome {
    let list =
        list.parse().ok().and_then(|id: Uuid| world.lists.get(&id)).ok_or_else(GraphError::item_not_found)?;
    let item = list.item(list.by_drive_id(item)?)?;
    let Content::File(file) = &item.content else { return Err(GraphError::item_not_found()) };
    let body = Body::Bytes { content_type: file.media_type.clone(), bytes: file.bytes.clone() };
    Ok(Answer { status: 200, headers: Vec::new(), body })
}

/// One object, with the context that says what it is.
fn entity(call: &Call, status: u16, context: &str, body: Value) -> Answer {
    let mut whole = Map::new();
    whole.insert("@odata.context".to_owned(), Value::from(call.context(context)));
    if let Value::Object(body) = body {
        whole.extend(body);
    }
    Answer::json(status, Value::Object(whole))
}

/// One page of a collection; the page after it is found by `$skiptoken`.
fn collection(world: &World, call: &Call, context: &str, values: Vec<Value>) -> Answer {
    let skip: usize = call.query("$skiptoken").and_then(|token| token.parse().ok()).unwrap_or(0);
    let size = call.top().unwrap_or(usize::MAX).min(world.settings.page_size);
    let total = values.len();
    let page: Vec<Value> = values.into_iter().skip(skip).take(size).collect();
    let mut body = json!({"@odata.context": call.context(context), "value": page});
    if let (true, Some(object)) = (skip.saturating_add(size) < total, body.as_object_mut()) {
        let options = kept_options(call, &["$select", "$expand", "$top"]);
        let path = call.segments.join("/");
        let link = call.link(&format!("{path}?{options}$skiptoken={}", skip + size));
        object.insert("@odata.nextLink".to_owned(), Value::from(link));
    }
    Answer::json(200, body)
}

/// The caller's own query options, for a link that has to remember them.
fn kept_options(call: &Call, names: &[&str]) -> String {
    let given =
        call.query.iter().filter(|(name, _)| names.iter().any(|kept| kept.eq_ignore_ascii_case(name)));
    given.fold(String::new(), |mut options, (name, value)| {
        options.extend([name.as_str(), "="]);
        options.extend(url::form_urlencoded::byte_serialize(value.as_bytes()));
        options.push('&');
        options
    })
}

/// Leaves of an object what was selected, beside its id and what is always told.
fn select(body: Value, wanted: Option<&[String]>) -> Value {
    let (Some(wanted), Value::Object(object)) = (wanted, body.clone()) else { return body };
    let keep = |name: &String| {
        name.starts_with('@')
            || ["id", "deleted", "fields"].contains(&name.as_str())
            || wanted.iter().any(|one| one.eq_ignore_ascii_case(name))
    };
    Value::Object(object.into_iter().filter(|(name, _)| keep(name)).collect())
}
