use std::ops::Range;

use serde::de::{Deserialize, Deserializer, IgnoredAny};
use serde_json::value::RawValue;

use crate::model::{Body, Marks};

/// What has to be seen of each item, as JSON text; the rest is told as it came.
pub(super) struct Glance<'a> {
    /// It is the root of a drive. Presence counts.
    pub(super) root: bool,
    pub(super) created_date_time: Option<&'a str>,
    pub(super) last_modified_date_time: Option<&'a str>,
    pub(super) created_by: Option<&'a str>,
    pub(super) last_modified_by: Option<&'a str>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Seen<'a> {
    #[serde(default, deserialize_with = "is_there")]
    root: bool,
    #[serde(borrow)]
    created_date_time: Option<&'a RawValue>,
    #[serde(borrow)]
    last_modified_date_time: Option<&'a RawValue>,
    #[serde(borrow)]
    created_by: Option<&'a RawValue>,
    #[serde(borrow)]
    last_modified_by: Option<&'a RawValue>,
}

impl<'a> Glance<'a> {
    pub(super) fn at(body: &'a Body) -> Result<Self, serde_json::Error> {
        if let Some(marks) = body.marks() {
            return Ok(Self::marked(body.get(), marks));
        }
        let seen: Seen<'a> = serde_json::from_str(body.get())?;
        Ok(Self {
            root: seen.root,
            created_date_time: seen.created_date_time.map(RawValue::get),
            last_modified_date_time: seen.last_modified_date_time.map(RawValue::get),
            created_by: seen.created_by.map(RawValue::get),
            last_modified_by: seen.last_modified_by.map(RawValue::get),
        })
    }

    fn marked(text: &'a str, marks: &Marks) -> Self {
        let at = |mark: &Option<Range<usize>>| mark.clone().and_then(|mark| text.get(mark));
        Self {
            root: marks.root,
            created_date_time: at(&marks.created_date_time),
            last_modified_date_time: at(&marks.last_modified_date_time),
            created_by: at(&marks.created_by),
            last_modified_by: at(&marks.last_modified_by),
        }
    }
}

fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}
