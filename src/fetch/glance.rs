use serde::de::{Deserialize, Deserializer, IgnoredAny};
use serde_json::value::RawValue;

use crate::model::Body;

/// What has to be seen of each item; the rest is told as it came.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Glance<'a> {
    /// It is the root of a drive. Presence counts.
    #[serde(default, deserialize_with = "is_there")]
    pub(super) root: bool,
    #[serde(borrow)]
    pub(super) created_date_time: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) last_modified_date_time: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) created_by: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) last_modified_by: Option<&'a RawValue>,
}

impl<'a> Glance<'a> {
    pub(super) fn at(body: &'a Body) -> Result<Self, serde_json::Error> {
        serde_json::from_str(body.get())
    }
}

fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}
