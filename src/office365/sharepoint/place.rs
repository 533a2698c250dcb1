//! Where a round goes on, as a link is stored: somewhere among the items while everything is read, and in the change log
//! else.

use super::super::{Failure, Verdict};
use super::site::API;
use super::token::ChangeToken;
use crate::store::Link;

/// Graph's links are web addresses, so that each way knows its own.
const CHANGES: &str = "sharepoint:changes:";
const ITEMS: &str = "sharepoint:items:";

/// Where a round goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// All items are being read. What changes meanwhile comes afterwards, by a token that was read before the first page.
    Items {
        /// That token.
        since: ChangeToken,
        /// Where the next page is: what of the address that SharePoint gave leads there from the site.
        position: String,
    },
    /// What changed since.
    Changes(ChangeToken),
}

impl Place {
    /// Reads a link that was stored; none: it is not of this list, or another way's.
    pub(super) fn read(list: &str, link: &str) -> Option<Self> {
        if let Some(token) = link.strip_prefix(CHANGES) {
            return ChangeToken::of(list, token).map(Self::Changes);
        }
        let (since, position) = link.strip_prefix(ITEMS)?.split_once(':')?;
        let since = ChangeToken::of(list, since)?;
        position.starts_with(API).then(|| Self::Items { since, position: position.to_owned() })
    }

    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Items { since, position } => format!("{ITEMS}{}:{position}", since.text()),
            Self::Changes(token) => format!("{CHANGES}{}", token.text()),
        }
    }

    /// The token that it stands on.
    pub(super) const fn token(&self) -> &ChangeToken {
        match self {
            Self::Items { since, .. } | Self::Changes(since) => since,
        }
    }
}

/// Whether a link is one of those, whatever the list.
pub(in crate::office365) fn is_place(link: &Link) -> bool {
    let (Link::Next(link) | Link::Delta(link)) = link;
    link.starts_with(CHANGES) || link.starts_with(ITEMS)
}

/// A link that another way of following has stored: nothing is concluded from it.
pub(in crate::office365) fn foreign() -> Failure {
    let message = "The place that was reached is not one of this way of following: everything is read anew, and compared";
    Failure::local(Verdict::Gone { restart: None }, "foreignPlace", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "e4b1a2c3-d5f6-4708-9a1b-2c3d4e5f6071";

    #[test]
    fn a_place_reads_back_and_is_no_web_address() {
        let token = ChangeToken::of(LIST, &format!("1;3;{LIST};638712864000000000;4")).unwrap();
        let position = "/_api/Web/Lists(guid'x')/items?$skiptoken=Paged%3dTRUE:1&a=b".to_owned();
        for place in [Place::Changes(token.clone()), Place::Items { since: token.clone(), position }] {
            let text = place.to_text();
            assert!(
                is_place(&Link::Next(text.clone()))
                    && url::Url::parse(&text).unwrap().scheme() == "sharepoint"
            );
            assert_eq!(Place::read(LIST, &text), Some(place));
            assert_eq!(Place::read("00000000-d5f6-4708-9a1b-2c3d4e5f6071", &text), None);
        }
    }

    #[test]
    fn what_another_way_stored_is_no_place() {
        let token = format!("1;3;{LIST};638712864000000000;4");
        for link in [
            "https://graph.microsoft.com/v1.0/sites/x/lists/y/items/delta?token=z",
            &format!("https://x/{CHANGES}{token}"),
            &token,
            &format!("{ITEMS}{token}"),
            &format!("{ITEMS}{token}:https://elsewhere.example/"),
            &format!("{CHANGES}{token}:"),
            CHANGES,
            "",
        ] {
            assert_eq!(Place::read(LIST, link), None, "{link}");
        }
    }
}
