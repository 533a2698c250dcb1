//! The parts of the page.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::html::Html;
use super::span;
use crate::simulator::control::{Conflicts, Fault};
use crate::simulator::resync::Resync;
use crate::simulator::rich::ContentBehaviour;
use crate::simulator::sender::{Behaviour, Ended};
use crate::simulator::sharepoint::OldTokens;
use crate::simulator::world::{Content, FolderRows, List, Settings, World, graph_time};

/// As many of the latest attempts and requests are shown.
const LATEST: usize = 15;

/// A time with how far it is, ahead or back.
fn when(world: &World, time: DateTime<Utc>) -> Html {
    let ahead = time - world.clock.now();
    let far = match ahead.num_seconds() {
        0 => "now".to_owned(),
        1.. => format!("in {}", span(ahead)),
        _ => format!("{} ago", span(-ahead)),
    };
    let far = Html::element("span", "small", [Html::text(far)]);
    Html::element("time", "", [Html::text(graph_time(time)), far])
}

fn ended(ended: Ended) -> Html {
    let text = match ended {
        Ended::Answered(status) => status.to_string(),
        Ended::TimedOut => "timed out".to_owned(),
        Ended::Unreachable => "no answer".to_owned(),
    };
    Html::badge(ended.taken(), text)
}

/// Something with its id below it.
fn with_id(text: &str, id: impl std::fmt::Display) -> Html {
    Html::element("span", "", [Html::text(text), Html::element("span", "small", [Html::code(id)])])
}

/// What Graph and SharePoint hold.
pub(super) fn subscriptions(world: &World) -> Html {
    let of_graph = world.subscriptions.values().map(|one| {
        let (resource, url) = (one.resource.as_str(), one.notification_url.as_str());
        row(world, "Graph", (one.id, resource, url), one.expires)
    });
    let of_sites = world.webhooks.values().map(|one| {
        let list = world.list(one.list).map_or_else(|_| one.list.to_string(), |list| list.web_url.clone());
        row(world, "SharePoint", (one.id, &list, &one.notification_url), one.expires)
    });
    let heads = ["Held by", "Resource", "Notifies", "Expires", "Last notification", "Outcome"];
    let none = "None. They are made with Graph's and SharePoint's own calls.";
    Html::section("Remote subscriptions", [Html::table(&heads, of_graph.chain(of_sites).collect(), none)])
}

fn row(
    world: &World,
    service: &str,
    (id, resource, url): (Uuid, &str, &str),
    expires: DateTime<Utc>,
) -> Vec<Html> {
    let last = world.ledger.last.get(&id);
    vec![
        Html::text(service),
        with_id(resource, id),
        Html::text(url),
        when(world, expires),
        last.map_or_else(|| Html::text("–"), |(at, _)| when(world, *at)),
        last.map_or_else(|| Html::text("–"), |(_, how)| ended(*how)),
    ]
}

/// Who can sign in, and what it may do.
pub(super) fn tenant(world: &World) -> Html {
    let (tenant, settings) = (&world.tenant, &world.settings);
    let rows = [
        ("Address", Html::code(&tenant.url)),
        ("Tenant id", Html::code(tenant.tenant_id)),
        ("Client id", Html::code(tenant.client_id)),
        ("Client secret", Html::code(&tenant.client_secret)),
        ("Certificates", Html::text(world.registered.certificates.len())),
        ("Federated", Html::text(world.registered.federated.len())),
        ("May, in Graph", Html::text(settings.roles.join(", "))),
        ("In SharePoint", Html::text(settings.site_roles.join(", "))),
        (
            "People",
            Html::text(world.users.iter().map(|user| user.address.as_str()).collect::<Vec<_>>().join(", ")),
        ),
    ];
    Html::section("Tenant and app", [Html::list(rows)])
}

/// What is made to go wrong.
pub(super) fn faults(world: &World) -> Html {
    let settings = &world.settings;
    let queued: Vec<String> = world.faults.iter().map(Fault::described).collect();
    let told = |set: bool, text: String| if set { Html::text(text) } else { Html::text("–") };
    let travel = &settings.notifications;
    let rows = [
        ("Queued", told(!queued.is_empty(), queued.join("; "))),
        ("Odd pages", told(!world.odd_pages.is_empty(), world.odd_pages.len().to_string())),
        (
            "Chaos",
            world.chaos.as_ref().map_or_else(|| Html::text("–"), |chaos| Html::text(chaos.described())),
        ),
        (
            "Notifications",
            told(
                *travel != Behaviour::default(),
                format!(
                    "lost {}, doubled {}, reordered {}, up to {} s late",
                    travel.lose, travel.duplicate, travel.reorder, travel.delay_seconds
                ),
            ),
        ),
        ("Renewals", told(settings.renewals.revalidate, "shake hands anew".to_owned())),
        ("Claims", told(settings.claims.is_some(), "tokens must have been asked for with some".to_owned())),
        ("Also set", Html::text(also_set(settings))),
        ("Items on a page", Html::text(settings.page_size)),
    ];
    Html::section("Faults and settings", [Html::list(rows)])
}

/// What is set otherwise than at the start, as it is set.
fn also_set(settings: &Settings) -> String {
    let pairs = [
        ("content", json!(settings.content), json!(ContentBehaviour::default())),
        ("conflicts", json!(settings.conflicts), json!(Conflicts::default())),
        ("folder-rows", json!(settings.folder_rows), json!(FolderRows::default())),
        ("change-tokens", json!(settings.old_tokens), json!(OldTokens::default())),
        ("dead links", json!(settings.resync), json!(Resync::default())),
    ];
    let other = pairs.into_iter().filter(|(_, is, was)| is != was);
    let other: Vec<String> = other.map(|(name, is, _)| format!("{name} {is}")).collect();
    if other.is_empty() { "–".to_owned() } else { other.join("; ") }
}

fn there(list: &List) -> usize {
    list.items.values().filter(|item| !item.deleted && item.id != 0).count()
}

fn address(list: &List) -> String {
    list.web_url.trim_start_matches("https://").replace("%20", " ")
}

pub(super) fn lists(world: &World) -> Html {
    let plain = world.lists.values().filter(|list| list.drive.is_none());
    let rows = plain.map(|list| vec![with_id(&address(list), list.id), Html::text(there(list))]).collect();
    Html::section("Lists", [Html::table(&["List", "Items"], rows, "None.")])
}

pub(super) fn drives(world: &World) -> Html {
    let rows = world.lists.values().filter_map(|list| {
        let drive = list.drive.as_ref()?;
        let files =
            list.items.values().filter(|item| !item.deleted && matches!(item.content, Content::File(_)));
        let files = files.count();
        let folders = there(list) - files;
        let name = with_id(&address(list), &drive.id);
        Some(vec![name, Html::text(files), Html::text(folders)])
    });
    Html::section("Drives", [Html::table(&["Drive", "Files", "Folders"], rows.collect(), "None.")])
}

pub(super) fn mailboxes(world: &World) -> Html {
    let rows = world.mailboxes.values().filter_map(|mailbox| {
        let user = world.users.iter().find(|user| user.id == mailbox.user)?;
        let (folders, messages) = (mailbox.folders.len(), mailbox.messages.len());
        Some(vec![with_id(&user.address, user.id), Html::text(messages), Html::text(folders)])
    });
    let heads = ["Mailbox", "Messages", "Folders"];
    Html::section("Mailboxes", [Html::table(&heads, rows.collect(), "None.")])
}

/// The latest POSTs with notifications.
pub(super) fn sent(world: &World) -> Html {
    let rows = world.ledger.sent.iter().rev().take(LATEST).map(|one| {
        let outcome = if one.given_up {
            Html::element("span", "", [ended(one.ended), Html::text(" given up")])
        } else {
            ended(one.ended)
        };
        vec![
            when(world, one.at),
            Html::text(one.service),
            Html::text(&one.url),
            Html::text(one.notifications),
            Html::text(one.attempt + 1),
            outcome,
            Html::text(format!("{} ms", one.millis)),
        ]
    });
    let heads = ["At", "From", "To", "Notifications", "Attempt", "Outcome", "Took"];
    Html::section("Sent lately", [Html::table(&heads, rows.collect(), "Nothing yet.")])
}

/// The latest requests of clients.
pub(super) fn requests(world: &World) -> Html {
    let rows = world.requests.iter().rev().take(LATEST).map(|one| {
        let text = |name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default();
        let status = one.get("status").and_then(Value::as_u64).unwrap_or_default();
        vec![
            Html::text(text("at")),
            Html::text(text("method")),
            Html::text(text("url")),
            Html::badge(status < 400, status),
        ]
    });
    let heads = ["At", "Method", "Address", "Status"];
    Html::section("Asked lately", [Html::table(&heads, rows.collect(), "Nothing yet.")])
}
