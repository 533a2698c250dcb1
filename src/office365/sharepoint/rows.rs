//! Rows of the change log. One action can have several, and one item many: what counts is what became of each item.

use std::collections::HashMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::listing::whole;
use super::token::ChangeToken;

/// What is told of an item by its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is there, if it is found. Else it is gone: a row that is still to come says so, or that of its folder alone did.
    There,
    /// It was removed.
    Removed,
    /// It left its folder: for another one of the list, if it is found.
    Left,
}

/// How an item came. If it is a folder, what lies in it may have come without rows of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// It did not: it was there before.
    Not,
    /// It was made, or came from elsewhere. What lies in it was numbered after it.
    Anew,
    /// It was restored, and so was what lay in it, under its old numbers.
    Back,
}

/// An item of which something was noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Touched {
    pub(super) item: i64,
    pub(super) fate: Fate,
    pub(super) came: Came,
    /// What its children call it, if it is a folder.
    pub(super) unique_id: Option<String>,
}

/// What an answer says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rows {
    /// In the order of their last rows.
    pub(super) touched: Vec<Touched>,
    /// Of the last row that has one: what comes after it, is asked for with it.
    pub(super) last: Option<ChangeToken>,
}

/// What a row says was done.
#[derive(Clone, Copy)]
enum Done {
    Came(Came),
    Went,
    Left,
    Other,
}

impl Done {
    fn read(number: Option<i64>) -> Self {
        match number {
            // Add, MoveInto.
            Some(1 | 6) => Self::Came(Came::Anew),
            // Restore.
            Some(7) => Self::Came(Came::Back),
            // DeleteObject.
            Some(3) => Self::Went,
            // MoveAway: into another list, if no MoveInto follows.
            Some(5) => Self::Left,
            // Update, Rename, SystemUpdate, and what may be added one day.
            _ => Self::Other,
        }
    }

    fn after(self, before: Option<Fate>) -> Fate {
        match self {
            Self::Came(_) => Fate::There,
            Self::Went => Fate::Removed,
            Self::Left => Fate::Left,
            // Something may be noted of it after its removal: whether it is there, reading it shows.
            Self::Other => before.filter(|before| *before == Fate::Left).unwrap_or(Fate::There),
        }
    }

    /// What went from one folder of the list into another was there before.
    fn came(self, before: Option<(Fate, Came)>) -> Came {
        match (self, before) {
            (Self::Came(Came::Anew), Some((Fate::Left, came))) | (Self::Came(came), _) => came,
            (Self::Went, _) => Came::Not,
            (Self::Left | Self::Other, before) => before.map_or(Came::Not, |(_, came)| came),
        }
    }
}

/// Reads the rows of a list's change log.
pub(super) fn read(list: &str, elements: &[&RawValue]) -> Result<Rows, serde_json::Error> {
    let mut found: HashMap<i64, (usize, Touched)> = HashMap::new();
    let mut latest = None;
    for (at, element) in elements.iter().enumerate() {
        let row: serde_json::Map<String, Value> = serde_json::from_str(element.get())?;
        let token = row.get("ChangeToken").and_then(|token| token.get("StringValue")).and_then(Value::as_str);
        latest = token.and_then(|text| ChangeToken::of(list, text)).or(latest);
        // Rows about the list itself have no item.
        let Some(item) = whole(row.get("ItemId")).filter(|item| *item > 0) else { continue };
        let done = Done::read(whole(row.get("ChangeType")));
        let before = found.get(&item).map(|(_, before)| (before.fate, before.came));
        let (fate, came) = (done.after(before.map(|(fate, _)| fate)), done.came(before));
        let unique_id = row.get("UniqueId").and_then(Value::as_str).map(str::to_owned);
        found.insert(item, (at, Touched { item, fate, came, unique_id }));
    }
    let mut touched: Vec<_> = found.into_values().collect();
    touched.sort_unstable_by_key(|(at, _)| *at);
    let touched = touched.into_iter().map(|(_, touched)| touched).collect();
    Ok(Rows { touched, last: latest })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const LIST: &str = "e4b1a2c3-d5f6-4708-9a1b-2c3d4e5f6071";

    fn folded(rows: &[Value]) -> Rows {
        let elements: Vec<_> =
            rows.iter().map(|row| RawValue::from_string(row.to_string()).unwrap()).collect();
        read(LIST, &elements.iter().map(|element| &**element).collect::<Vec<_>>()).unwrap()
    }

    fn row(item: i64, kind: i64) -> Value {
        json!({"ItemId": item, "ChangeType": kind, "ChangeToken": {"StringValue": token(kind)}})
    }

    fn token(number: i64) -> String {
        format!("1;3;{LIST};638712864000000000;{number}")
    }

    #[test]
    fn the_last_of_an_items_rows_says_what_became_of_it() {
        use Fate::{Left, Removed, There};
        let (add, update, delete, rename) = (1, 2, 3, 4);
        let (away, into, restore, system) = (5, 6, 7, 15);
        for (kinds, fate) in [
            (vec![add, update, system], There),
            (vec![rename], There),
            (vec![update, delete], Removed),
            (vec![delete, restore], There),
            (vec![add, delete], Removed),
            (vec![delete, restore, delete], Removed),
            (vec![away, into], There),
            (vec![into, away], Left),
            (vec![away, system], Left),
            (vec![delete, system], There),
            (vec![delete, system, restore, update], There),
            (vec![22], There),
        ] {
            let rows: Vec<Value> = kinds.iter().map(|kind| row(17, *kind)).collect();
            let touched = folded(&rows).touched;
            assert_eq!((touched.len(), touched[0].item, touched[0].fate), (1, 17, fate), "{kinds:?}");
        }
    }

    #[test]
    fn what_only_changed_its_folder_did_not_come() {
        use Came::{Anew, Back, Not};
        let (add, update, delete, away, into, restore) = (1, 2, 3, 5, 6, 7);
        for (kinds, came) in [
            (vec![add, update], Anew),
            (vec![into], Anew),
            (vec![away, into], Not),
            (vec![add, away, into], Anew),
            (vec![update], Not),
            (vec![delete, restore, update], Back),
            (vec![restore, away, into], Back),
            (vec![add, delete], Not),
        ] {
            let rows: Vec<Value> = kinds.iter().map(|kind| row(17, *kind)).collect();
            assert_eq!(folded(&rows).touched[0].came, came, "{kinds:?}");
        }
    }

    #[test]
    fn items_come_in_the_order_of_their_last_rows_and_rows_without_one_count_for_the_token() {
        let list = json!({"ChangeType": 2, "ItemId": null, "ChangeToken": {"StringValue": token(9)}});
        let text = json!({"ItemId": "2", "ChangeType": "2"});
        let rows = folded(&[row(1, 1), text, row(3, 2), row(1, 2), list, json!({"ItemId": 0})]);
        let ids: Vec<i64> = rows.touched.iter().map(|touched| touched.item).collect();
        assert_eq!((ids, rows.last.unwrap().text()), (vec![2, 3, 1], token(9).as_str()));
    }

    #[test]
    fn a_row_that_cannot_be_read_is_no_empty_answer() {
        let element = RawValue::from_string("5".to_owned()).unwrap();
        assert!(read(LIST, &[&*element]).is_err());
        assert_eq!(folded(&[]), Rows { touched: Vec::new(), last: None });
    }
}
