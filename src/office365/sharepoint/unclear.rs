//! Items of which it is not clear whether they are there: they were not found, and nothing else says that they are gone.
//! The list itself is asked then. It shows its items in the order of their numbers, so that what it passes over is gone, and
//! what it shows is read that way. Where it does not answer either, nothing is concluded, and everything is asked again later.

use url::Url;

use super::super::{Failure, Verdict};
use super::element;
use super::items::Read;
use super::listing::{Listing, whole};
use super::shape::{EXPAND, SELECT};
use super::site::{ListAt, Site, with_options};
use super::{MINIMAL_METADATA, SharePoint};

impl SharePoint {
    /// Reads items by what the list shows in their places, in their order.
    pub(super) async fn in_their_places(
        &self,
        site: &Site,
        list: ListAt<'_>,
        ids: &[i64],
    ) -> Result<Vec<Read>, Failure> {
        let urls: Vec<Url> = ids.iter().map(|id| place(site, list, *id)).collect();
        let answers = self.read_all(site, &urls, MINIMAL_METADATA).await?;
        ids.iter().zip(answers).map(|(id, answer)| shown(*id, answer)).collect()
    }
}

/// The first item of the list from this number on.
fn place(site: &Site, list: ListAt<'_>, id: i64) -> Url {
    let before = format!("Paged=TRUE&p_ID={}", id.saturating_sub(1));
    let options = [
        ("$orderby", "ID"),
        ("$top", "1"),
        ("$select", SELECT),
        ("$expand", EXPAND),
        ("$skiptoken", before.as_str()),
    ];
    with_options(site.named_list(list, &["items"]), &options)
}

/// What became of an item, by what the list shows in its place.
fn shown(id: i64, answer: Result<String, Failure>) -> Result<Read, Failure> {
    let text = match answer {
        Ok(text) => text,
        Err(Failure { verdict: Verdict::Rejected | Verdict::Forbidden, .. }) => return Ok(Read::Unreadable),
        // Neither the item nor its list: what is on the way there, or the site, is not as it should be.
        Err(failure) if failure.verdict == Verdict::NotFound => {
            return Err(Failure { verdict: Verdict::Transient, ..failure });
        }
        Err(failure) => return Err(failure),
    };
    let listing = Listing::read(&text).map_err(|_| no_list())?;
    let Some(first) = listing.elements.first() else {
        // A page with nothing on it is not the end where another one follows.
        return Ok(if listing.next.is_none() { Read::NotFound } else { Read::Unreadable });
    };
    let Ok(item) = element::read(first, false) else { return Ok(Read::Unreadable) };
    match whole(item.get("Id").or_else(|| item.get("ID"))) {
        Some(number) if number == id => Ok(Read::Here(item)),
        Some(number) if number > id => Ok(Read::NotFound),
        // It did not begin where it was asked to: that may stay so, and only this item suffers.
        _ => Ok(Read::Unreadable),
    }
}

fn no_list() -> Failure {
    let message = "An item was not found, and what was answered for its list, which says whether it is gone, is no list";
    Failure::local(Verdict::Transient, "unreadable", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(verdict: Verdict) -> Result<String, Failure> {
        Err(Failure::local(verdict, "404", "refused"))
    }

    fn word(answer: Result<String, Failure>) -> &'static str {
        match shown(7, answer) {
            Ok(Read::Here(_)) => "here",
            Ok(Read::NotFound) => "gone",
            Ok(Read::Unreadable) => "unreadable",
            Err(failure) if failure.is_transient() => "later",
            Err(_) => "failed",
        }
    }

    #[test]
    fn an_item_is_gone_only_where_its_list_passes_it_over() {
        for (text, expected) in [
            (r#"{"value": [{"Id": 7, "Title": "x"}]}"#, "here"),
            (r#"{"value": [{"Id": "7"}]}"#, "here"),
            (r#"{"value": [{"Id": 8}]}"#, "gone"),
            (r#"{"value": []}"#, "gone"),
            (r#"{"value": [], "odata.nextLink": "n"}"#, "unreadable"),
            (r#"{"value": [{"Id": 1}]}"#, "unreadable"),
            (r#"{"value": [{"Id": 7, "Title": "\ud800"}]}"#, "unreadable"),
            ("<html>404</html>", "later"),
            ("{}", "later"),
            ("", "later"),
        ] {
            assert_eq!(word(Ok(text.to_owned())), expected, "{text}");
        }
        assert_eq!(word(refused(Verdict::NotFound)), "later");
        assert_eq!(word(refused(Verdict::Forbidden)), "unreadable");
        assert_eq!(word(refused(Verdict::Unauthorized)), "failed");
    }
}
