//! The page, in the plain dress of the stand-in.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use url::Url;

use super::super::page::Html;
use super::{GROUPS, Given, INBOX, PATH};

/// Said for whatever the registration does not have.
pub(super) fn invalid() -> HttpResponse {
    let words = "The app_id is not known, or the callback_url is not the one that was registered for it.";
    let body = [Html::element("h1", "", [Html::text("Invalid Request")]), paragraph(words)];
    send(StatusCode::BAD_REQUEST, "Invalid Request", "'none'", body)
}

/// The groups, with Allow and Deny.
pub(super) fn choice(given: &Given, callback: &Url) -> HttpResponse {
    let groups = GROUPS
        .iter()
        .chain([&INBOX])
        .enumerate()
        .map(|(index, group)| Html::radio("group", group, index == 0));
    let hidden = [
        Html::hidden("state", &given.state),
        Html::hidden("app_id", given.app_id.unwrap_or_default()),
        Html::hidden("callback_url", &given.callback_url),
    ];
    let buttons = [Html::submit("answer", "allow", "Allow"), Html::submit("answer", "deny", "Deny")];
    let form = Html::form(PATH, hidden.into_iter().chain(groups).chain(buttons));
    let host = callback.host_str().unwrap_or_default();
    let body = [
        Html::element("h1", "", [Html::text("Connect to Office 365")]),
        paragraph(&format!("{host} wants to send messages to one of your groups. Which one shall it be?")),
        form,
    ];
    // The form's answer leads there.
    let action = format!("'self' {}", callback.origin().ascii_serialization());
    send(StatusCode::OK, "Connect to Office 365, simulated", &action, body)
}

fn paragraph(text: &str) -> Html {
    Html::element("p", "", [Html::text(text)])
}

fn send(status: StatusCode, title: &str, action: &str, body: impl IntoIterator<Item = Html>) -> HttpResponse {
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action {action}; frame-ancestors 'none'"
    );
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header(("Content-Security-Policy", policy))
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .insert_header(("Referrer-Policy", "no-referrer"))
        .insert_header(("Cache-Control", "no-store"))
        .body(Html::document(title, 0, body))
}
