use std::time::Duration;

use crate::model::{Name, Origin, Resource, Start, Via, Wish};

/// `[[subscription]]`: something to follow from the start.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Its name.
    pub name: Name,
    /// The tenant, by name.
    pub tenant: Name,
    /// What to follow.
    pub resource: Resource,
    /// The way of following it. Default `graph`.
    pub via: Via,
    /// What to tell of the time before. Default `now`.
    pub start: Start,
    /// `"max"` (none), or how long a remote subscription shall live.
    pub lifetime: Option<Duration>,
    /// Mail: properties beside the default ones.
    pub select: Vec<String>,
}

impl Subscription {
    /// The wish that this entry is.
    pub fn wish(&self) -> Wish {
        Wish {
            name: self.name.clone(),
            tenant: self.tenant.clone(),
            resource: self.resource.clone(),
            via: self.via,
            start: self.start,
            lifetime: self.lifetime,
            select: self.select.clone(),
            origin: Origin::Config,
        }
    }
}
