//! Office 365's part of the Connect button: the page where somebody chooses a group, and allows it or not.

mod page;

use actix_web::HttpResponse;
use actix_web::http::Method;
use url::Url;
use uuid::Uuid;

use super::tenant::{PRINTED_CALLBACK, Tenant};
use super::wire::Call;
use super::world::World;

/// Where it is.
pub(crate) const PATH: &str = "/connectors/Connect";
/// The groups of the seeded tenant; the last choice is a person's own inbox.
const GROUPS: [&str; 3] = ["Human Resources", "Hiring managers", "Operations"];
const INBOX: &str = "Inbox";

/// A connector as its developer registered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct App {
    pub(crate) id: Uuid,
    pub(crate) callback_url: String,
}

impl App {
    /// The seeded tenant's, which the printed configuration fits.
    pub(crate) fn seeded(tenant: &Tenant) -> Self {
        Self { id: tenant.app_id, callback_url: PRINTED_CALLBACK.to_owned() }
    }
}

/// Answers the page and its form.
pub(crate) fn answer(world: &mut World, call: &Call) -> HttpResponse {
    let given = Given::of(call);
    let known = |app: &App| Some(app.id) == given.app_id && app.callback_url == given.callback_url;
    // Nothing goes back to an address that is not registered.
    let Some(app) = world.connect_apps.iter().find(|app| known(app)).cloned() else {
        return page::invalid();
    };
    let Ok(callback) = Url::parse(&app.callback_url) else { return page::invalid() };
    if call.method == Method::POST {
        return see_other(world, &given, callback);
    }
    page::choice(&given, &callback)
}

/// What came by the address, or by the form.
struct Given {
    state: String,
    app_id: Option<Uuid>,
    callback_url: String,
    group: String,
    allowed: bool,
}

impl Given {
    fn of(call: &Call) -> Self {
        let mut pairs = call.query.clone();
        pairs.extend(url::form_urlencoded::parse(&call.body).into_owned());
        let get = |name: &str| {
            let found = pairs.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        Self {
            state: get("state"),
            app_id: get("app_id").parse().ok(),
            callback_url: get("callback_url"),
            group: get("group"),
            allowed: get("answer") == "allow",
        }
    }
}

fn see_other(world: &mut World, given: &Given, mut callback: Url) -> HttpResponse {
    if given.allowed {
        let inbox = given.group == INBOX;
        let webhook = world.new_connector(&given.group);
        let user = world.users.first().map(|user| user.id).unwrap_or_default();
        let mut query = callback.query_pairs_mut();
        query.append_pair("webhook_url", &webhook);
        if !inbox {
            query.append_pair("group_name", &given.group);
        }
        query.append_pair("app_type", if inbox { "mail" } else { "groups" });
        query.append_pair("user_objectId", &user.to_string());
    } else {
        callback.query_pairs_mut().append_pair("error", "AccessDenied");
    }
    callback.query_pairs_mut().append_pair("state", &given.state);
    HttpResponse::Found()
        .insert_header(("Location", callback.as_str()))
        .insert_header(("Referrer-Policy", "no-referrer"))
        .finish()
}
