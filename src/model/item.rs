use std::ops::Range;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::ItemId;

/// The properties of an item, as Office 365 names them.
pub type Properties = Map<String, Value>;

/// The same as JSON text, on one line. Most items are told and kept as they came, and are never taken apart: that would
/// cost more than everything else that is done with them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Body(Arc<Text>);

#[derive(Debug)]
struct Text {
    text: Box<RawValue>,
    marks: Option<Marks>,
}

/// Where in a text the values stand that are looked at of every item.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    /// It is the root of a drive.
    pub root: bool,
    /// `createdDateTime`.
    pub created_date_time: Option<Range<usize>>,
    /// `lastModifiedDateTime`.
    pub last_modified_date_time: Option<Range<usize>>,
    /// `createdBy`.
    pub created_by: Option<Range<usize>>,
    /// `lastModifiedBy`.
    pub last_modified_by: Option<Range<usize>>,
}

impl Body {
    /// Properties as text.
    pub fn of(properties: &Properties) -> Result<Self, serde_json::Error> {
        Ok(Self(Arc::new(Text { text: to_raw_value(properties)?, marks: None })))
    }

    /// A text that reads as properties, and has no line break, and what was seen in it.
    pub fn as_it_came(text: &RawValue, marks: Marks) -> Self {
        Self(Arc::new(Text { text: text.to_owned(), marks: Some(marks) }))
    }

    /// What was seen in it, if it was looked at.
    pub fn marks(&self) -> Option<&Marks> {
        self.0.marks.as_ref()
    }

    /// Takes it apart.
    pub fn properties(&self) -> Result<Properties, serde_json::Error> {
        serde_json::from_str(self.get())
    }

    /// The text.
    pub fn get(&self) -> &str {
        self.0.text.get()
    }
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.text.serialize(serializer)
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

/// One entry of a delta page.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its id at Office 365.
    pub id: ItemId,
    /// What the page said of it.
    pub body: Body,
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
