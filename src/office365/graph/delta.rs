//! Delta queries. A round is a chain of whole, opaque links: each page brings either the next one or the one that
//! the next round starts with.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;

use super::super::{Failure, REPEATED_LINK, Verdict};
use super::odd::{read_element, says_latest, text, unreadable};
use super::resources::{area, delta_path, item_preferences, name_permission, representation};
use super::{Accepted, Call, Graph, PAGE};
use crate::model::{Item, Kind, OddItem, Target};
use crate::store::Link;

/// "From now" answers at once; more pages than this are a chain without end.
const LATEST_PAGES: usize = 100;

/// A page of changes.
#[derive(Debug, Clone, PartialEq)]
pub struct DeltaPage {
    /// What it says, in its order: of an item that comes more than once, the last counts.
    pub items: Vec<Item>,
    /// What could not be read as an item, and is not among them.
    pub odd: Vec<OddItem>,
    /// Where it goes on.
    pub link: Link,
    /// Office 365's time of the answer.
    pub at: DateTime<Utc>,
    /// Whether it shows items as they are now, while the changes that made them so are still to come.
    pub ahead_of_log: bool,
}

/// Elements are read one by one, so that one that cannot be read costs nothing but itself.
#[derive(Deserialize)]
struct WirePage<'a> {
    #[serde(borrow, default)]
    value: Vec<&'a RawValue>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
    #[serde(rename = "@odata.deltaLink")]
    delta: Option<String>,
}

impl WirePage<'_> {
    fn items(&self, kind: Kind, damaged: bool) -> (Vec<Item>, Vec<OddItem>) {
        let (mut items, mut odd) = (Vec::with_capacity(self.value.len()), Vec::new());
        for element in &self.value {
            match read_element(element, kind, damaged) {
                Ok(item) => items.push(item),
                Err(one) => odd.push(one),
            }
        }
        (items, odd)
    }

    fn link(self) -> Option<Link> {
        self.next.map(Link::Next).or(self.delta.map(Link::Delta))
    }
}

impl Graph {
    /// The page at a link, or the first one.
    pub(crate) async fn page(
        &self,
        target: &Target,
        select: &[String],
        link: Option<&Link>,
    ) -> Result<DeltaPage, Failure> {
        let page = match link {
            None => self.initial(target, representation(target, select), None).await,
            Some(Link::Next(link)) => {
                self.linked(target, link).await.map_err(|failure| match failure.verdict {
                    // Seen in the middle of rounds, and gone when the same link was asked again.
                    Verdict::NotFound => Failure { verdict: Verdict::Transient, ..failure },
                    _ => failure,
                })
            }
            Some(Link::Delta(link)) => self.linked(target, link).await,
        }?;
        match &page.link {
            Link::Delta(link) if says_latest(link) => {
                let message = "The page's delta link says \"latest\" instead of a place: what changes before it is asked \
                               again would be lost, so it is not kept, and the page is asked for again";
                Err(Failure::local(Verdict::Transient, "latestLink", message))
            }
            _ => Ok(page),
        }
    }

    /// The link from which only what happens from now on is told, and the time of "now"; mail has none, and neither
    /// has what answers with a link that again says "latest".
    pub(crate) async fn latest(&self, target: &Target) -> Result<Option<(Link, DateTime<Utc>)>, Failure> {
        if target.kind() == Kind::Message {
            return Ok(None);
        }
        let mut page = self.initial(target, representation(target, &[]), Some(("token", "latest"))).await?;
        for _ in 0..LATEST_PAGES {
            match &page.link {
                // It names no place: what changes before it is asked again would never be told.
                Link::Delta(link) if says_latest(link) => return Ok(None),
                Link::Delta(_) => return Ok(Some((page.link, page.at))),
                Link::Next(link) => page = self.linked(target, link).await?,
            }
        }
        Err(Failure::local(
            Verdict::Transient,
            "noLink",
            "The chain of links that should lead to \"now\" has no end",
        ))
    }

    /// The first page. Options that are not accepted are left out, which only makes items come in part.
    async fn initial(
        &self,
        target: &Target,
        representation: Option<(&str, String)>,
        start: Option<(&str, &str)>,
    ) -> Result<DeltaPage, Failure> {
        let mut bare = self.base.at(delta_path(target));
        if let Some((option, value)) = start {
            bare.query_pairs_mut().append_pair(option, value);
        }
        let Some((option, value)) = representation else {
            return self.fetch(target, bare).await;
        };
        let mut url = bare.clone();
        url.query_pairs_mut().append_pair(option, &value);
        match self.fetch(target, url).await {
            Err(failure) if failure.code.eq_ignore_ascii_case("ErrorInvalidUrlQuery") => {
                self.fetch(target, bare).await
            }
            answer => answer,
        }
    }

    async fn linked(&self, target: &Target, link: &str) -> Result<DeltaPage, Failure> {
        let page = self.fetch(target, self.base.resume(link)?).await?;
        match &page.link {
            Link::Next(next) if next == link => {
                let message = "The page's next link is its own: the round would never end";
                Err(Failure::local(Verdict::Transient, REPEATED_LINK, message))
            }
            _ => Ok(page),
        }
    }

    async fn fetch(&self, target: &Target, url: Url) -> Result<DeltaPage, Failure> {
        let call = Call {
            prefer: item_preferences(target),
            without_parents: target.kind() == Kind::DriveItem,
            limits: PAGE,
            ..Call::get("delta page", url, area(target))
        };
        let answer = self.send(&call).await.map_err(|failure| name_permission(target, failure))?;
        let page = read_page(&answer, target.kind())?;
        let (Link::Next(link) | Link::Delta(link)) = &page.link;
        self.base.follow(link)?;
        Ok(page)
    }
}

fn read_page(answer: &Accepted, kind: Kind) -> Result<DeltaPage, Failure> {
    let body = text(&answer.body);
    let damaged = matches!(body, Cow::Owned(_));
    let page: WirePage<'_> = serde_json::from_str(&body).map_err(|error| unreadable(&body, &error))?;
    let (items, odd) = page.items(kind, damaged);
    let link = page.link().ok_or_else(|| {
        let message =
            "Graph's page has neither a next link nor a delta link, so it is not known where to go on";
        Failure::local(Verdict::Transient, "noLink", message)
    })?;
    Ok(DeltaPage { items, odd, link, at: answer.at, ahead_of_log: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn page(value: &Value) -> Result<DeltaPage, Failure> {
        read_page(
            &Accepted { body: value.to_string().into_bytes(), at: DateTime::UNIX_EPOCH },
            Kind::DriveItem,
        )
    }

    #[test]
    fn a_page_goes_on_at_its_next_link_before_its_delta_link() {
        let (next, delta) = (Link::Next("n".to_owned()), Link::Delta("d".to_owned()));
        let read = |value| page(&value).unwrap().link;
        assert_eq!(read(json!({"value": [], "@odata.nextLink": "n"})), next);
        assert_eq!(read(json!({"value": [], "@odata.deltaLink": "d", "@odata.nextLink": null})), delta);
        assert_eq!(read(json!({"value": [], "@odata.deltaLink": "d", "@odata.nextLink": "n"})), next);
        let failure = page(&json!({"value": []})).unwrap_err();
        assert_eq!((failure.verdict, failure.code.as_str()), (Verdict::Transient, "noLink"));
    }

    #[test]
    fn elements_without_an_id_do_not_stop_the_page() {
        let elements = json!([{"id": "1"}, {"name": "x"}, 5, null, {"id": "2"}, {"id": "1"}]);
        let page = page(&json!({"value": elements, "@odata.deltaLink": "d"})).unwrap();
        let ids: Vec<&str> = page.items.iter().map(|item| item.id.0.as_str()).collect();
        let reasons: Vec<&str> = page.odd.iter().map(|odd| odd.reason).collect();
        assert_eq!(
            (ids, reasons),
            (vec!["1", "2", "1"], vec!["item_without_id", "item_malformed", "item_malformed"])
        );
    }

    #[test]
    fn an_answer_that_is_no_page_may_pass() {
        let failure =
            read_page(&Accepted { body: b"<html>".to_vec(), at: DateTime::UNIX_EPOCH }, Kind::Message)
                .unwrap_err();
        assert_eq!((failure.verdict, failure.code.as_str()), (Verdict::Transient, "unreadable"));
    }
}
