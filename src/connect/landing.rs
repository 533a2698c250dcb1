//! The page that the invitation leads to, and the one where it ends.

use actix_web::{HttpRequest, HttpResponse, web};

use super::answer::CONNECTED;
use super::outcome::Outcome;
use super::page::Pages;
use super::picks::{Offer, offers};
use super::{Connect, cookie, token, unavailable};
use crate::config::Globs;
use crate::store::{Invite, Store, StoreError, TokenHash};

/// The most that a page offers: it is for people, and whoever has a link may have it made many times a minute.
pub(super) const MOST_OFFERS: usize = 200;
/// Subscriptions that are read at once.
const AT_ONCE: usize = 500;

/// Shows what may be picked. It changes nothing: whatever looks at links before people do uses nothing up.
pub(super) async fn show(
    connect: web::Data<Connect>,
    pages: web::Data<Pages>,
    request: HttpRequest,
) -> HttpResponse {
    let query: Vec<(String, String)> = parse(request.query_string().as_bytes());
    let Some(invite) = value(&query, "invite") else { return pages.refusal(Outcome::NoInvite) };
    match connect.offered(invite).await {
        Ok((_, offers)) => pages.landing(invite, &offers, None),
        Err(outcome) => pages.refusal(outcome),
    }
}

/// Says how it ended. The address has a word for that, and nothing else; that it went well is told to nobody but who did it.
pub(super) async fn done(
    connect: web::Data<Connect>,
    pages: web::Data<Pages>,
    request: HttpRequest,
) -> HttpResponse {
    let query = parse(request.query_string().as_bytes());
    let outcome = value(&query, "outcome").map_or(Some(Outcome::Done), Outcome::named);
    let connected = || {
        let now = connect.clock.now();
        cookie::get(&request).is_some_and(|bound| connect.bindings.holds(bound, CONNECTED, now))
    };
    let outcome = outcome.filter(|outcome| *outcome != Outcome::Done || connected());
    pages.refusal(outcome.unwrap_or(Outcome::UnknownState))
}

/// The pairs of a query or a form.
pub(super) fn parse(text: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text).into_owned().collect()
}

/// The first value with this key.
pub(super) fn value<'p>(pairs: &'p [(String, String)], key: &str) -> Option<&'p str> {
    pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}

impl Connect {
    /// What an invitation offers, if it holds.
    pub(super) async fn offered(&self, invite: &str) -> Result<(TokenHash, Vec<Offer>), Outcome> {
        let hash = token::hash(invite).ok_or(Outcome::UnknownInvite)?;
        let found = self.store.invitation(hash).await.map_err(|error| unavailable(&error))?;
        let Invite { subscriptions: glob, ends_at, used, .. } = found.ok_or(Outcome::UnknownInvite)?;
        if used {
            return Err(Outcome::UsedInvite);
        }
        if ends_at <= self.clock.now() {
            return Err(Outcome::ExpiredInvite);
        }
        let glob = Globs::one(&glob).map_err(|_| Outcome::Unavailable)?;
        let offers = read_offers(&*self.store, &glob).await.map_err(|error| unavailable(&error))?;
        Ok((hash, offers))
    }
}

/// The first ones by name.
pub(super) async fn read_offers(store: &dyn Store, glob: &Globs) -> Result<Vec<Offer>, StoreError> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.subscriptions_after(after.as_ref(), AT_ONCE).await?;
        found.extend(offers(&page, glob));
        after = page.last().map(|last| last.wish.name.clone());
        if page.len() < AT_ONCE || found.len() >= MOST_OFFERS {
            found.truncate(MOST_OFFERS);
            return Ok(found);
        }
    }
}
