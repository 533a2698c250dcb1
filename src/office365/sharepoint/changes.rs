//! What has changed in a list since a change token, and what is in it.

use chrono::{DateTime, Utc};

use super::super::graph::DeltaPage;
use super::super::{Failure, Verdict};
use super::{ListAt, SharePoint};
use crate::model::{Item, ItemId};
use crate::store::Link;

impl SharePoint {
    /// The link from which only what happens from now on is told, and the time of "now".
    pub(crate) async fn latest(&self, list: ListAt<'_>) -> Result<Option<(Link, DateTime<Utc>)>, Failure> {
        self.site_of(list)?;
        Err(not_yet())
    }

    /// The page of changes at a link; without one, the first page of everything there is.
    pub(crate) async fn page(&self, list: ListAt<'_>, _link: Option<&Link>) -> Result<DeltaPage, Failure> {
        self.site_of(list)?;
        Err(not_yet())
    }

    /// One whole item; none if it is gone.
    pub(crate) async fn item(&self, list: ListAt<'_>, _id: &ItemId) -> Result<Option<Item>, Failure> {
        self.site_of(list)?;
        Err(not_yet())
    }
}

fn not_yet() -> Failure {
    let message = "Changes are not read over SharePoint yet: follow the list over Graph";
    Failure::local(Verdict::Rejected, "notYet", message)
}
