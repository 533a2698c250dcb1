//! From the page to Office 365.

use actix_web::http::header::HeaderMap;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::TimeDelta;
use futures_util::StreamExt as _;

use super::landing::{parse, value};
use super::outcome::Outcome;
use super::page::Pages;
use super::picks::picked;
use super::{Connect, cookie, token, unavailable};
use crate::store::{Begun, Visit};

/// How long somebody may stay at Office 365, in minutes.
const MINUTES: i64 = 10;
/// The largest form read, in bytes: hundreds of subscriptions with the longest names.
const FORM_BYTES: usize = 64 * 1024;

const NOTHING_PICKED: &str = "Pick at least one thing to hear of, and one kind of change.";

/// Keeps what was picked, and sends the browser to Office 365.
pub(super) async fn begin(
    connect: web::Data<Connect>,
    pages: web::Data<Pages>,
    request: HttpRequest,
    body: web::Payload,
) -> HttpResponse {
    let form = match read(body).await {
        Some(form) if !comes_from_elsewhere(request.headers()) => parse(&form),
        _ => return pages.refusal(Outcome::NoInvite),
    };
    let Some(invite) = value(&form, "invite") else { return pages.refusal(Outcome::NoInvite) };
    let (hash, offers) = match connect.offered(invite).await {
        Ok(offered) => offered,
        Err(outcome) => return pages.refusal(outcome),
    };
    let Some(picks) = picked(&form, &offers) else {
        return pages.landing(invite, &offers, Some(NOTHING_PICKED));
    };
    let (state, now) = (token::new(), connect.clock.now());
    let Some(state_hash) = token::hash(&state) else { return pages.refusal(Outcome::Unavailable) };
    let ends_at = now + TimeDelta::minutes(MINUTES);
    let visit = Visit { hash: state_hash, invite: hash, picks, ends_at, ended: false };
    match connect.store.begin_visit(visit, now).await {
        Ok(Begun::Done) => {
            let bound = cookie::set(&connect.public_url, &connect.bindings.of(&state, ends_at), MINUTES * 60);
            Connect::see_other(&connect.office365(&state), Some(&bound))
        }
        Ok(Begun::Over) => pages.refusal(Outcome::UsedInvite),
        Ok(Begun::TooMany) => pages.refusal(Outcome::TooManyVisits),
        Err(error) => pages.refusal(unavailable(&error)),
    }
}

/// Whether a page of another site has a browser send this, as browsers say: a form there must not press the button. An `Origin`
/// they leave out here, since the page tells no referrer.
pub fn comes_from_elsewhere(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none")
}

async fn read(mut body: web::Payload) -> Option<Vec<u8>> {
    let mut form = Vec::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.ok()?;
        if form.len() + chunk.len() > FORM_BYTES {
            return None;
        }
        form.extend_from_slice(&chunk);
    }
    Some(form)
}

impl Connect {
    /// Where Office 365 asks which group it is.
    fn office365(&self, state: &str) -> String {
        let mut url = self.settings.connect_url.clone();
        url.query_pairs_mut()
            .append_pair("state", state)
            .append_pair("app_id", &self.settings.app_id.to_string())
            .append_pair("callback_url", &self.page("/connector/callback"));
        url.into()
    }
}
