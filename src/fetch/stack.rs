//! Pages that are written together as if they were one. Pure.

use std::collections::HashSet;

use super::ahead::{Ahead, bytes};
use crate::model::ItemId;
use crate::office365::DeltaPage;

/// Items that are written together, and their text: acknowledgements of notifications wait meanwhile.
const TOGETHER: usize = 1000;
const TOGETHER_BYTES: usize = 2 * 1024 * 1024;

/// Pages that follow each other, as if they were one.
pub(super) struct Stack {
    pub(super) page: DeltaPage,
    pub(super) pages: u64,
    /// What goes with a removed folder is looked for in the mirror, where what the pages before showed must be by then.
    pub(super) looks_inside: bool,
}

impl Stack {
    /// Whether a page that came ahead can be put upon it.
    pub(super) fn takes(&self, ahead: &Ahead) -> bool {
        let Ok(page) = &ahead.page else { return false };
        let here: HashSet<&ItemId> = self.page.items.iter().map(|item| &item.id).collect();
        // What is odd is put aside with the link of its own page.
        let understood = self.page.odd.is_empty() && page.odd.is_empty();
        ahead.link == self.page.link
            && understood
            && !(self.looks_inside && page.items.iter().any(|item| item.removed))
            && here.len() + page.items.len() <= TOGETHER
            && bytes(&self.page) + bytes(page) <= TOGETHER_BYTES
            && page.items.iter().all(|item| !here.contains(&item.id))
    }

    pub(super) fn put(&mut self, page: DeltaPage) {
        self.page.items.extend(page.items);
        self.page.link = page.link;
        self.page.ahead_of_log |= page.ahead_of_log;
        self.pages += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use serde_json::json;

    use crate::model::{Body, Item, OddItem};
    use crate::office365::Failure;
    use crate::store::Link;

    /// A page between two links that shows these items.
    fn page(from: u32, items: impl IntoIterator<Item = u32>) -> Ahead {
        let item = |number: u32| {
            let properties = json!({"id": number.to_string()});
            let body = Body::of(properties.as_object().unwrap()).unwrap();
            Item { id: ItemId(number.to_string()), body, removed: false, partial: false }
        };
        let page = DeltaPage {
            items: items.into_iter().map(item).collect(),
            odd: Vec::new(),
            link: link(from + 1),
            at: DateTime::UNIX_EPOCH,
            ahead_of_log: false,
        };
        Ahead { link: link(from), page: Ok(page) }
    }

    fn link(number: u32) -> Link {
        Link::Next(number.to_string())
    }

    fn stack(ahead: Ahead) -> Stack {
        Stack { page: ahead.page.unwrap(), pages: 1, looks_inside: false }
    }

    #[test]
    fn pages_that_follow_each_other_and_show_other_items_become_one() {
        let mut stack = stack(page(1, 0..200));
        for number in 1..5 {
            let next = page(number + 1, number * 200..number * 200 + 200);
            assert!(stack.takes(&next), "{number}");
            stack.put(next.page.unwrap());
        }
        assert_eq!((stack.pages, stack.page.items.len(), &stack.page.link), (5, 1000, &link(6)));
        assert!(!stack.takes(&page(6, [1000])), "it is high enough");
        assert!(!stack.page.ahead_of_log);
        let mut ahead = page(6, []).page.unwrap();
        ahead.ahead_of_log = true;
        stack.put(ahead);
        stack.put(page(7, []).page.unwrap());
        assert!(stack.page.ahead_of_log, "one of them is");
    }

    #[test]
    fn a_page_is_written_by_itself_if_it_shows_an_item_again_or_does_not_follow_or_is_odd() {
        let on = stack(page(1, [1, 2]));
        assert!(on.takes(&page(2, [3])) && on.takes(&page(2, [])));
        assert!(!on.takes(&page(2, [3, 2])), "each page may be a change of its own");
        assert!(!on.takes(&page(3, [3])), "it follows another page");
        let odd = || OddItem { id: None, reason: "item_malformed", explanation: String::new() };
        let mut strange = page(2, [3]);
        strange.page.as_mut().unwrap().odd.push(odd());
        assert!(!on.takes(&strange), "what is odd is put aside with the link of its own page");
        let mut strange = stack(page(1, [1]));
        strange.page.odd.push(odd());
        assert!(!strange.takes(&page(2, [3])));
        let failed = Failure::local(crate::office365::Verdict::Transient, "timeout", "it took too long");
        assert!(!on.takes(&Ahead { link: link(2), page: Err(failed) }));
    }

    #[test]
    fn what_was_removed_is_written_after_what_the_pages_before_it_showed_where_folders_go_alone() {
        let mut goes = page(2, [2]);
        goes.page.as_mut().unwrap().items[0].removed = true;
        let mut on = stack(page(1, [1]));
        assert!(on.takes(&goes));
        on.looks_inside = true;
        assert!(!on.takes(&goes) && on.takes(&page(2, [2])));
    }

    #[test]
    fn much_text_is_written_page_by_page() {
        let large = |from, item: u32| {
            let mut ahead = page(from, [item]);
            let properties = json!({"id": item.to_string(), "text": "x".repeat(TOGETHER_BYTES / 2)});
            let body = Body::of(properties.as_object().unwrap()).unwrap();
            ahead.page.as_mut().unwrap().items[0].body = body;
            ahead
        };
        let on = stack(large(1, 1));
        assert!(on.takes(&page(2, [2])) && !on.takes(&large(2, 2)));
    }
}
