use serde_json::{Map, Value};

use super::ItemId;

/// The properties of an item, as Office 365 names them.
pub type Properties = Map<String, Value>;

/// One entry of a delta page.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its id at Office 365.
    pub id: ItemId,
    /// What the page said of it.
    pub properties: Properties,
    /// The page says that it is gone.
    pub removed: bool,
    /// The page holds only some of its properties: they go over what is known, they do not replace it.
    pub partial: bool,
}

/// An entry of a delta page that cannot be understood: it is put aside, and the rest of the page goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OddItem {
    /// Its id, as far as that can be read.
    pub id: Option<ItemId>,
    /// Why, in a word.
    pub reason: &'static str,
    /// What it means and what can be done about it.
    pub explanation: String,
}
