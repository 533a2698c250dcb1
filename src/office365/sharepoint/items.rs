//! Items: all of them in pages, those that were touched, and one.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde_json::json;
use serde_json::value::RawValue;
use url::Url;

use super::super::graph::DeltaPage;
use super::super::{Failure, REPEATED_LINK, Verdict};
use super::element::{self, body_text};
use super::listing::Listing;
use super::place::Place;
use super::rows::{Came, Fate, Touched};
use super::shape::{EXPAND, SELECT};
use super::site::{ListAt, Site, with_options};
use super::token::ChangeToken;
use super::within::Folder;
use super::{Call, MINIMAL_METADATA, PAGE, SharePoint};
use crate::model::{Body, Item, ItemId, OddItem, Properties};
use crate::store::Link;

/// Items on a page. More would make it long in coming.
const TOP: &str = "500";

/// What SharePoint says of an item that is not there, as it was recorded (`-2130575338, Microsoft.SharePoint.SPException`). The
/// same status with anything else may come from something on the way, or pass by itself.
const NO_ITEM: &str = "-2130575338";

/// What became of an item that was to be read.
pub(super) enum Read {
    Here(Properties),
    /// It is gone for certain.
    NotFound,
    /// It cannot be read, which may be its own fault.
    Unreadable,
}

/// Some of a list's items.
pub(super) struct Portion {
    pub(super) found: Vec<Properties>,
    pub(super) odd: Vec<OddItem>,
    /// Where there are more.
    pub(super) next: Option<String>,
    pub(super) at: DateTime<Utc>,
}

/// The items that the change log names.
pub(super) struct Found {
    pub(super) items: Vec<Item>,
    /// Folders among them that came, and what lies in them is still to be read.
    pub(super) folders: Vec<Folder>,
    /// Whether some are gone of which no row said so yet.
    pub(super) ahead: bool,
}

impl SharePoint {
    /// A page of everything that is in the list. After the last one come the changes since the token that was read before
    /// the first.
    pub(super) async fn items_page(
        &self,
        site: &Site,
        list: ListAt<'_>,
        since: ChangeToken,
        position: Option<&str>,
    ) -> Result<DeltaPage, Failure> {
        let Portion { found, odd, next, at } = self.some(site, list, position).await?;
        let next = match next {
            None => Place::Changes(since),
            Some(position) => Place::Items { since, position },
        };
        let items = self.in_graphs_shape(site, list, found).await?;
        Ok(DeltaPage { items, odd, link: Link::Next(next.to_text()), at, ahead_of_log: false })
    }

    /// Some of what is in the list: at a position, or first.
    pub(super) async fn some(
        &self,
        site: &Site,
        list: ListAt<'_>,
        position: Option<&str>,
    ) -> Result<Portion, Failure> {
        let url = position.map_or_else(|| all(site, list, &[]), |position| site.there(position));
        let call = Call { accept: MINIMAL_METADATA, limits: PAGE, ..Call::get("items", site, url) };
        let answer = self.send(&call).await.map_err(|failure| lost_place(position, failure))?;
        let text = body_text(&answer.body);
        let listing = Listing::read(&text).map_err(|error| unreadable(&error))?;
        let (mut found, mut odd) = (Vec::with_capacity(listing.elements.len()), Vec::new());
        for element in &listing.elements {
            match element::read(element, matches!(text, Cow::Owned(_))) {
                Ok(item) => found.push(item),
                Err(one) => odd.push(one),
            }
        }
        let next = listing.next.map(|next| site.position(&next)).transpose()?;
        if next.is_some() && next.as_deref() == position {
            return Err(endless());
        }
        Ok(Portion { found, odd, next, at: answer.at })
    }

    /// What became of the items that the change log names, in its order. Where `more` rows follow, what was removed may have
    /// come back with one of them, and is read, too: between two looks each item is told in its latest state.
    pub(super) async fn touched(
        &self,
        site: &Site,
        list: ListAt<'_>,
        touched: &[Touched],
        more: bool,
    ) -> Result<Found, Failure> {
        let wanted: Vec<&Touched> = touched.iter().filter(|one| more || one.fate != Fate::Removed).collect();
        let read = self.read_touched(site, list, &wanted).await?;
        let (mut here, mut rest) = (Vec::new(), Vec::new());
        let mut read = wanted.iter().zip(read).peekable();
        let (mut folders, mut ahead) = (Vec::new(), false);
        for (at, Touched { item, came, unique_id, fate }) in touched.iter().enumerate() {
            let outcome = read.next_if(|(one, _)| one.item == *item).map(|(_, outcome)| outcome);
            match outcome {
                Some(Read::Here(properties)) => {
                    folders.extend(Folder::that_came(*item, *came, &properties));
                    here.push((at, properties));
                }
                Some(Read::Unreadable) => rest.push((at, in_part(*item)?)),
                // Whether a row says so or not: what went with its folder has none, and where it lay at last nobody may know.
                Some(Read::NotFound) | None => {
                    ahead |= *fate != Fate::Removed;
                    rest.push((at, removed(*item, unique_id.as_deref())?));
                }
            }
        }
        let (places, here): (Vec<usize>, Vec<_>) = here.into_iter().unzip();
        let here = self.in_graphs_shape(site, list, here).await?;
        rest.extend(places.into_iter().zip(here));
        rest.sort_by_key(|(at, _)| *at);
        let folders = self.not_empty(site, folders).await?;
        Ok(Found { items: rest.into_iter().map(|(_, item)| item).collect(), folders, ahead })
    }

    /// What these items are now, whatever the change log says of them.
    pub(crate) async fn items_now(&self, list: ListAt<'_>, ids: &[ItemId]) -> Result<Vec<Item>, Failure> {
        let numbers = ids.iter().filter_map(|id| id.0.parse().ok());
        // Their folder's row says that they are gone.
        let gone = |item| Touched { item, fate: Fate::Removed, came: Came::Not, unique_id: None };
        let asked: Vec<Touched> = numbers.map(gone).collect();
        Ok(self.touched(&self.site_of(list)?, list, &asked, true).await?.items)
    }

    /// One whole item; none if it is gone.
    pub(crate) async fn item(&self, list: ListAt<'_>, id: &ItemId) -> Result<Option<Item>, Failure> {
        let Ok(id) = id.0.parse() else { return Ok(None) };
        let site = self.site_of(list)?;
        let url = one(site.list(list, &[item_piece(id).as_str()]));
        let call = Call { accept: MINIMAL_METADATA, ..Call::get("item", &site, url) };
        let read = match self.send(&call).await {
            Ok(answer) => {
                let text = body_text(&answer.body);
                understood(&text, matches!(text, Cow::Owned(_))).map_err(|odd| odd.explanation)
            }
            Err(failure) if is_gone(&failure) => return Ok(None),
            Err(failure) if failure.verdict == Verdict::NotFound => {
                match self.in_their_places(&site, list, &[id]).await?.pop() {
                    Some(Read::Here(properties)) => Ok(properties),
                    Some(Read::NotFound) => return Ok(None),
                    Some(Read::Unreadable) | None => Err(failure.message),
                }
            }
            Err(failure) => return Err(failure),
        };
        let properties = read.map_err(|why| Failure::local(Verdict::Transient, "unreadable", why))?;
        Ok(self.in_graphs_shape(&site, list, vec![properties]).await?.pop())
    }

    /// Reads what rows name. That there is no such item is believed at once where its row says so, too; otherwise the list is
    /// asked as well: what answers may be behind what the log says. What came and cannot be read by itself the list may show: a
    /// folder tells where to look for what came with it.
    pub(super) async fn read_touched(
        &self,
        site: &Site,
        list: ListAt<'_>,
        touched: &[&Touched],
    ) -> Result<Vec<Read>, Failure> {
        let ids: Vec<i64> = touched.iter().map(|one| one.item).collect();
        let mut read = self.read_items(site, list, &ids).await?;
        let mut unsure: Vec<(i64, &mut Read)> = Vec::new();
        for (one, read) in touched.iter().zip(&mut read) {
            let is_doubted = one.fate == Fate::There && matches!(read, Read::NotFound);
            if is_doubted || one.came != Came::Not && matches!(read, Read::Unreadable) {
                unsure.push((one.item, read));
            }
        }
        let ids: Vec<i64> = unsure.iter().map(|(id, _)| *id).collect();
        let shown = self.in_their_places(site, list, &ids).await?;
        for ((_, read), shown) in unsure.into_iter().zip(shown) {
            // A list passes over what one may not read, which need not be gone.
            if matches!((&*read, &shown), (Read::NotFound, _) | (Read::Unreadable, Read::Here(_))) {
                *read = shown;
            }
        }
        Ok(read)
    }

    /// Reads items by their numbers, in that order.
    pub(super) async fn read_items(
        &self,
        site: &Site,
        list: ListAt<'_>,
        ids: &[i64],
    ) -> Result<Vec<Read>, Failure> {
        let urls: Vec<Url> =
            ids.iter().map(|id| one(site.named_list(list, &[item_piece(*id).as_str()]))).collect();
        let answers = self.read_all(site, &urls, MINIMAL_METADATA).await?;
        let read: Vec<Option<Read>> = answers.into_iter().map(judged).collect::<Result<_, _>>()?;
        let unclear: Vec<i64> =
            ids.iter().zip(&read).filter(|(_, read)| read.is_none()).map(|(id, _)| *id).collect();
        let mut cleared = self.in_their_places(site, list, &unclear).await?.into_iter();
        Ok(read.into_iter().filter_map(|read| read.or_else(|| cleared.next())).collect())
    }
}

/// The items of the list by id, which is the order that no change disturbs: what is made meanwhile comes at the end.
pub(super) fn all(site: &Site, list: ListAt<'_>, more: &[(&str, &str)]) -> Url {
    let usual = [("$orderby", "ID"), ("$top", TOP), ("$select", SELECT), ("$expand", EXPAND)];
    with_options(site.list(list, &["items"]), &[&usual, more].concat())
}

fn item_piece(id: i64) -> String {
    format!("items({id})")
}

fn one(url: Url) -> Url {
    with_options(url, &[("$select", SELECT), ("$expand", EXPAND)])
}

fn understood(text: &str, damaged: bool) -> Result<Properties, OddItem> {
    let whole: Result<&RawValue, _> = serde_json::from_str(text);
    let odd = |_| OddItem {
        id: None,
        reason: "item_unreadable",
        explanation: "SharePoint's answer (item) cannot be read as JSON".to_owned(),
    };
    element::read(whole.map_err(odd)?, damaged)
}

/// What an answer says of an item that was asked for; none: it says nothing for certain.
fn judged(answer: Result<String, Failure>) -> Result<Option<Read>, Failure> {
    match answer {
        Ok(text) => Ok(Some(understood(&text, false).map_or(Read::Unreadable, Read::Here))),
        Err(failure) if is_gone(&failure) => Ok(Some(Read::NotFound)),
        Err(Failure { verdict: Verdict::NotFound, .. }) => Ok(None),
        Err(Failure { verdict: Verdict::Rejected | Verdict::Forbidden, .. }) => Ok(Some(Read::Unreadable)),
        Err(failure) => Err(failure),
    }
}

/// Whether SharePoint says that there is no such item.
fn is_gone(failure: &Failure) -> bool {
    failure.verdict == Verdict::NotFound && failure.code.split(',').next().map(str::trim) == Some(NO_ITEM)
}

/// An item that was removed, as Graph tells it. By its unique id those are known that lay in it.
fn removed(id: i64, unique_id: Option<&str>) -> Result<Item, Failure> {
    let ids = json!({"listItemUniqueId": unique_id});
    bare(id, &json!({"id": id.to_string(), "deleted": {"state": "deleted"}, "sharepointIds": ids}), true)
}

/// An item that could not be read. Whoever gets it reads it alone, and puts it aside if that does not help.
fn in_part(id: i64) -> Result<Item, Failure> {
    bare(id, &json!({"id": id.to_string()}), false)
}

fn bare(id: i64, properties: &serde_json::Value, removed: bool) -> Result<Item, Failure> {
    let properties = properties.as_object().cloned().unwrap_or_default();
    let body = Body::of(&properties).map_err(|error| unreadable(&error))?;
    Ok(Item { id: ItemId(id.to_string()), body, removed, partial: !removed })
}

/// A place among the items that SharePoint does not take any more leads nowhere: they are read from the beginning.
fn lost_place(position: Option<&str>, failure: Failure) -> Failure {
    match failure.verdict {
        Verdict::Rejected if position.is_some() && failure.status.is_some() => {
            Failure { verdict: Verdict::Gone { restart: None }, ..failure }
        }
        _ => failure,
    }
}

fn endless() -> Failure {
    let message = "The next page of items is the one that was asked for: the round would never end";
    Failure::local(Verdict::Transient, REPEATED_LINK, message)
}

fn unreadable(error: &serde_json::Error) -> Failure {
    let message = format!("SharePoint's answer (items) cannot be read: {error}");
    Failure::local(Verdict::Transient, "unreadable", message)
}
