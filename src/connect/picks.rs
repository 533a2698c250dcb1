//! What the page offers, and what is picked of it.

use crate::config::Globs;
use crate::model::{Change, Name, Picks, Subscription};

/// The kinds of change, in the order of the page.
pub(super) const CHANGES: [(Change, &str); 3] = [
    (Change::Created, "Something is new"),
    (Change::Updated, "Something was changed, renamed or moved"),
    (Change::Deleted, "Something was deleted"),
];

/// A subscription that may be picked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer {
    pub name: Name,
    pub resource: String,
}

/// Those that an invitation's glob names, without those that are being removed.
pub(super) fn offers(subscriptions: &[Subscription], glob: &Globs) -> Vec<Offer> {
    let wanted = |subscription: &&Subscription| {
        subscription.removed_at.is_none() && glob.want(subscription.wish.name.as_str())
    };
    let offer = |subscription: &Subscription| Offer {
        name: subscription.wish.name.clone(),
        resource: subscription.wish.resource.to_string(),
    };
    subscriptions.iter().filter(wanted).map(offer).collect()
}

/// What was picked, as far as it was offered; none, if that is nothing at all or no kind of change.
pub(super) fn picked(form: &[(String, String)], offers: &[Offer]) -> Option<Picks> {
    let given = |key: &str, value: &str| form.iter().any(|(name, given)| name == key && given == value);
    let subscriptions: Vec<Name> = offers
        .iter()
        .filter(|offer| given("subscription", offer.name.as_str()))
        .map(|offer| offer.name.clone())
        .collect();
    let changes = CHANGES.map(|(change, _)| change).into_iter();
    let changes: Vec<Change> = changes.filter(|change| given("change", change.as_str())).collect();
    (!subscriptions.is_empty() && !changes.is_empty()).then_some(Picks { subscriptions, changes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked_of(form: &str, offered: &[&str]) -> Option<(usize, usize)> {
        let offers: Vec<Offer> = offered
            .iter()
            .map(|name| Offer { name: name.parse().unwrap(), resource: String::new() })
            .collect();
        let form: Vec<(String, String)> = url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
        picked(&form, &offers).map(|picks| (picks.subscriptions.len(), picks.changes.len()))
    }

    #[test]
    fn only_what_is_offered_can_be_picked_and_something_has_to_be() {
        for (form, offered, expected) in [
            ("subscription=a&change=created", &["a", "b"][..], Some((1, 1))),
            ("subscription=a&subscription=b&change=created&change=deleted", &["a", "b"], Some((2, 2))),
            ("subscription=a&subscription=a&change=created", &["a"], Some((1, 1))),
            ("subscription=secret&change=created", &["a"], None),
            ("subscription=a&subscription=secret&change=created", &["a"], Some((1, 1))),
            ("subscription=a", &["a"], None),
            ("change=created", &["a"], None),
            ("subscription=a&change=anything", &["a"], None),
            ("", &["a"], None),
        ] {
            assert_eq!(picked_of(form, offered), expected, "{form}");
        }
    }
}
