//! What has changed in a list since a change token, told as Graph's delta tells it.
//!
//! The change log says which items were touched, and what is in them is read afterwards: so an item is told in its latest
//! state, and may come again with a later row that says nothing new. A page is kept with the token of its last row.
//!
//! Two things are never concluded from an empty answer. That nothing has happened, if the token is old: the log keeps
//! sixty days, and older tokens are answered as if nothing had happened. And that the present is reached, by a token that
//! was read afterwards: what comes between the two would be lost. So the newer token is read first.

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::graph::DeltaPage;
use super::super::{Failure, REPEATED_LINK, Verdict};
use super::element::body_text;
use super::items::Found;
use super::listing::Listing;
use super::place::{Place, foreign};
use super::rows::{self, Rows};
use super::site::{ListAt, Site, with_options};
use super::token::ChangeToken;
use super::{Accepted, Body, Call, PAGE, SharePoint, within};
use crate::store::Link;

/// Rows in an answer. As many as this are a full page, and there may be more. Their items are read with one batch: a page is
/// kept whole or not at all, and must not cost more than a tenant may ask for in a minute.
const FETCH_LIMIT: usize = 100;

/// How old a token may be that is used. The log keeps sixty days; what is lost in it is lost without a word.
const OLDEST: TimeDelta = TimeDelta::days(50);

/// From this age on the token of a list in which nothing happens is exchanged for a newer one.
const STALE: TimeDelta = TimeDelta::days(3);

/// A token that the log does not know any more, or never did.
const DEAD_CURSOR: [&str; 3] = ["-2130575172", "-2130575173", "-2146233086"];
const GARBLED: [&str; 2] = ["-1, System.FormatException", "-1, System.InvalidOperationException"];
/// Says anything; what it is about, its text alone tells.
const ANYTHING: &str = "-2146232832";
const ABOUT_TOKENS: &str = "changetoken refers to";

#[derive(Deserialize)]
struct WireToken {
    #[serde(rename = "StringValue")]
    text: String,
}

#[derive(Deserialize)]
struct WireList {
    #[serde(rename = "CurrentChangeToken")]
    token: WireToken,
}

impl SharePoint {
    /// The link from which only what happens from now on is told, and the time of "now".
    pub(crate) async fn latest(&self, list: ListAt<'_>) -> Result<Option<(Link, DateTime<Utc>)>, Failure> {
        let (token, at) = self.current(&self.site_of(list)?, list).await?;
        Ok(Some((Link::Delta(Place::Changes(token).to_text()), at)))
    }

    /// The page of changes at a link; without one, the first page of everything there is.
    pub(crate) async fn page(&self, list: ListAt<'_>, link: Option<&Link>) -> Result<DeltaPage, Failure> {
        let site = self.site_of(list)?;
        let Some(Link::Next(link) | Link::Delta(link)) = link else {
            // Before the first page: what changes while the items are read comes after them.
            let (since, _) = self.current(&site, list).await?;
            return self.items_page(&site, list, since, None).await;
        };
        let place = Place::read(list.id(), link).ok_or_else(foreign)?;
        if place.token().age(self.clock.now()) > OLDEST {
            return Err(too_old());
        }
        match place {
            Place::Items { since, position } => self.items_page(&site, list, since, Some(&position)).await,
            Place::Within { since, folders, position } => {
                self.within_page(&site, list, since, folders, &position).await
            }
            Place::Changes(since) => self.changes_page(&site, list, since).await,
        }
    }

    async fn changes_page(
        &self,
        site: &Site,
        list: ListAt<'_>,
        since: ChangeToken,
    ) -> Result<DeltaPage, Failure> {
        // Nothing is lost with it: if the changes that are asked for afterwards are none, then there were none up to here.
        let is_stale = since.age(self.clock.now()) > STALE;
        let newer = if is_stale { Some(self.current(site, list).await?.0) } else { None };
        let answer = self.changes_since(site, list, &since).await?;
        let text = body_text(&answer.body);
        let listing = Listing::read(&text).map_err(|error| unreadable(&error))?;
        let rows = rows::read(list.id(), &listing.elements).map_err(|error| unreadable(&error))?;
        let link = next(&rows, listing.elements.len(), since, newer)?;
        let more = matches!(link, Link::Next(_));
        let Found { items, folders, ahead } = self.touched(site, list, &rows.touched, more).await?;
        let link = within::first(site, list, link, &folders)?;
        Ok(DeltaPage { items, odd: Vec::new(), link, at: answer.at, ahead_of_log: more || ahead })
    }

    async fn changes_since(
        &self,
        site: &Site,
        list: ListAt<'_>,
        since: &ChangeToken,
    ) -> Result<Accepted, Failure> {
        let call = Call {
            method: Method::POST,
            body: Body::json(&query(since)),
            limits: PAGE,
            ..Call::get("changes", site, site.list(list, &["getchanges"]))
        };
        self.send(&call).await.map_err(judged)
    }

    /// The token of now.
    async fn current(&self, site: &Site, list: ListAt<'_>) -> Result<(ChangeToken, DateTime<Utc>), Failure> {
        let url = with_options(site.list(list, &[]), &[("$select", "CurrentChangeToken")]);
        let (answer, at) = self.read::<WireList>(&Call::get("change token", site, url)).await?;
        let token = ChangeToken::of(list.id(), &answer.token.text).ok_or_else(|| {
            let message = "SharePoint gave a change token that is not one of the list";
            Failure::local(Verdict::Transient, "unreadable", message)
        })?;
        Ok((token, at))
    }
}

/// Everything that may happen to items, and who may read them: one that could not be read may be readable then. The number is a text, as one of the forms of JSON wants it.
fn query(since: &ChangeToken) -> Value {
    json!({"query": {
        "Item": true, "Add": true, "Update": true, "SystemUpdate": true, "DeleteObject": true, "Rename": true,
        "Move": true, "Restore": true, "RoleAssignmentAdd": true, "RecursiveAll": true, "FetchLimit": FETCH_LIMIT.to_string(),
        "ChangeTokenStart": {"StringValue": since.text()},
    }})
}

/// Where it goes on after an answer of so many rows. `newer` is a token that was read before it was asked for.
fn next(rows: &Rows, number: usize, since: ChangeToken, newer: Option<ChangeToken>) -> Result<Link, Failure> {
    let changes = |token: ChangeToken| Place::Changes(token).to_text();
    match &rows.last {
        Some(last) if number < FETCH_LIMIT => Ok(Link::Delta(changes(last.clone()))),
        Some(last) if *last == since => {
            let message = "A full page of changes ends where it began: the round would never end";
            Err(Failure::local(Verdict::Transient, REPEATED_LINK, message))
        }
        Some(last) => Ok(Link::Next(changes(last.clone()))),
        None if number == 0 => Ok(Link::Delta(changes(newer.unwrap_or(since)))),
        None => {
            let message = "SharePoint's changes have no change token of the list, so that it is not known where to go on";
            Err(Failure::local(Verdict::Transient, "noLink", message))
        }
    }
}

/// Whether a refusal says that the token is no good.
fn judged(failure: Failure) -> Failure {
    let number = failure.code.split(',').next().unwrap_or_default().trim();
    let about_tokens = failure.message.to_ascii_lowercase().contains(ABOUT_TOKENS);
    let dead = DEAD_CURSOR.contains(&number)
        || GARBLED.contains(&failure.code.as_str())
        || number == ANYTHING && about_tokens;
    if dead { Failure { verdict: Verdict::Gone { restart: None }, ..failure } } else { failure }
}

fn too_old() -> Failure {
    let message = format!(
        "The change token is older than {} days: SharePoint keeps changes for sixty, and says nothing where it has lost some",
        OLDEST.num_days()
    );
    Failure::local(Verdict::Gone { restart: None }, "oldToken", message)
}

fn unreadable(error: &serde_json::Error) -> Failure {
    let message = format!("SharePoint's answer (changes) cannot be read: {error}");
    Failure::local(Verdict::Transient, "unreadable", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "e4b1a2c3-d5f6-4708-9a1b-2c3d4e5f6071";

    fn token(number: u32) -> ChangeToken {
        ChangeToken::of(LIST, &format!("1;3;{LIST};638712864000000000;{number}")).unwrap()
    }

    fn link(last: Option<u32>, number: usize, newer: Option<u32>) -> Result<Link, String> {
        let rows = Rows { touched: Vec::new(), last: last.map(token) };
        next(&rows, number, token(1), newer.map(token)).map_err(|failure| failure.code)
    }

    #[test]
    fn a_full_page_is_followed_by_another_and_a_short_one_ends_the_round() {
        let place = |number| Place::Changes(token(number)).to_text();
        assert_eq!(link(Some(9), FETCH_LIMIT, None), Ok(Link::Next(place(9))));
        assert_eq!(link(Some(9), FETCH_LIMIT - 1, None), Ok(Link::Delta(place(9))));
        assert_eq!(link(Some(9), 1, Some(20)), Ok(Link::Delta(place(9))), "what lies between may be no item");
        assert_eq!(link(None, 0, None), Ok(Link::Delta(place(1))));
        assert_eq!(link(None, 0, Some(20)), Ok(Link::Delta(place(20))));
        assert_eq!(link(Some(1), FETCH_LIMIT, None), Err(REPEATED_LINK.to_owned()));
        assert_eq!(link(None, 3, Some(20)), Err("noLink".to_owned()));
    }

    #[test]
    fn six_refusals_say_that_the_token_is_no_good_and_others_do_not() {
        let refused = |code: &str, message: &str| {
            let message = message.to_owned();
            let failure =
                Failure { verdict: Verdict::Rejected, status: Some(400), code: code.to_owned(), message };
            judged(failure).verdict
        };
        let old = "The changeToken refers to a time before the start of the current change log.";
        for (code, message) in [
            ("-2130575172, Microsoft.SharePoint.SPException", old),
            ("-2130575173, Microsoft.SharePoint.SPException", ""),
            ("-2146233086, System.ArgumentOutOfRangeException", ""),
            ("-1, System.FormatException", ""),
            ("-1, System.InvalidOperationException", ""),
            ("-2146232832, Microsoft.SharePoint.SPException", old),
        ] {
            assert_eq!(refused(code, message), Verdict::Gone { restart: None }, "{code}");
        }
        for code in [
            "-2146232832, Microsoft.SharePoint.SPException",
            "-1, Microsoft.SharePoint.Client.InvalidClientQueryException",
            "-2130575322, Microsoft.SharePoint.SPException",
            "400",
        ] {
            assert_eq!(refused(code, "text"), Verdict::Rejected, "{code}");
        }
    }
}
