//! Where a round goes on, as a link is stored: somewhere among the items while everything is read, and in the change log
//! else.

use super::super::{Failure, Verdict};
use super::site::API;
use super::token::ChangeToken;
use crate::store::Link;

/// Graph's links are web addresses, so that each way knows its own.
const CHANGES: &str = "sharepoint:changes:";
const ITEMS: &str = "sharepoint:items:";
const WITHIN: &str = "sharepoint:within:";

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
    /// What lies in some folders is being read.
    Within {
        /// The changes come after it.
        since: ChangeToken,
        /// The numbers of the folders.
        folders: Vec<i64>,
        /// Where the next page is.
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
        if let Some(within) = link.strip_prefix(WITHIN) {
            let (folders, rest) = within.split_once(':')?;
            let folders = folders.split(',').map(|folder| folder.parse().ok()).collect::<Option<_>>()?;
            let (since, position) = somewhere(list, rest)?;
            return Some(Self::Within { since, folders, position });
        }
        let (since, position) = somewhere(list, link.strip_prefix(ITEMS)?)?;
        Some(Self::Items { since, position })
    }

    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Items { since, position } => format!("{ITEMS}{}:{position}", since.text()),
            Self::Within { since, folders, position } => {
                let folders: Vec<String> = folders.iter().map(i64::to_string).collect();
                format!("{WITHIN}{}:{}:{position}", folders.join(","), since.text())
            }
            Self::Changes(token) => format!("{CHANGES}{}", token.text()),
        }
    }

    /// The token that it stands on.
    pub(super) const fn token(&self) -> &ChangeToken {
        match self {
            Self::Items { since, .. } | Self::Within { since, .. } | Self::Changes(since) => since,
        }
    }
}

fn somewhere(list: &str, text: &str) -> Option<(ChangeToken, String)> {
    let (since, position) = text.split_once(':')?;
    let since = ChangeToken::of(list, since)?;
    position.starts_with(API).then(|| (since, position.to_owned()))
}

/// Whether a link is one of those, whatever the list.
pub(in crate::office365) fn is_place(link: &Link) -> bool {
    let (Link::Next(link) | Link::Delta(link)) = link;
    [CHANGES, ITEMS, WITHIN].iter().any(|form| link.starts_with(form))
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
        let within = Place::Within { since: token.clone(), folders: vec![7, 12], position: position.clone() };
        for place in [Place::Changes(token.clone()), Place::Items { since: token.clone(), position }, within]
        {
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
            &format!("{WITHIN}{token}:{API}x"),
            &format!("{WITHIN}1,x:{token}:{API}x"),
            &format!("{WITHIN}:{token}:{API}x"),
            &format!("{ITEMS}{token}:https://elsewhere.example/"),
            &format!("{CHANGES}{token}:"),
            CHANGES,
            "",
        ] {
            assert_eq!(Place::read(LIST, link), None, "{link}");
        }
    }
}
