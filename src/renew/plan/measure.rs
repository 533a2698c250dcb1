use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;

use super::Step;
use crate::model::{Name, RemoteId, SubscriptionId, Trouble, Wish};
use crate::store::NewWish;

/// What would have to be done so that configuration, store and Office 365 agree.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// What is to be done, in the order in which it is done.
    pub changes: Vec<Measure>,
    /// What is there and is not touched.
    pub left_alone: Vec<Measure>,
    /// Subscriptions that are as they should be.
    pub unchanged: usize,
    /// Tenants that did not say what they hold: there only store and configuration were compared.
    pub not_listed: Vec<NotListed>,
}

impl Plan {
    /// Something that a tenant holds could not be looked at.
    pub(super) fn not_looked_at(&mut self, tenant: &Name, error: &Trouble) {
        if !self.not_listed.iter().any(|other| other.tenant == *tenant) {
            self.not_listed.push(NotListed { tenant: tenant.clone(), error: error.clone() });
        }
    }
}

/// A tenant whose remote subscriptions are not known.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct NotListed {
    /// The tenant.
    pub tenant: Name,
    /// Why not.
    pub error: Trouble,
}

/// One thing to do, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Measure {
    /// What.
    pub action: Action,
    /// The subscription, if it is or will be one of ours.
    pub subscription: Option<Name>,
    /// Its tenant.
    pub tenant: Name,
    /// What it follows: an address, or Office 365's own words for what nobody here knows.
    pub resource: String,
    /// What Office 365 calls it now.
    pub remote_id: Option<RemoteId>,
    /// Why.
    pub reason: Cow<'static, str>,
    /// How it is done.
    #[serde(skip)]
    pub(in crate::renew) todo: Todo,
}

impl Measure {
    /// The same, and that it takes a restart where nobody knows the tenant yet.
    pub(super) fn where_tenants_are(self, known: impl Fn(&Name) -> bool) -> Self {
        match self.todo.follows_in() {
            Some(tenant) if !known(tenant) => {
                let reason = format!(
                    "{}; the listener started without its tenant '{tenant}', so start it again first",
                    self.reason
                );
                Self { reason: reason.into(), ..self }
            }
            _ => self,
        }
    }
}

impl Todo {
    /// The tenant in which something is followed with it, otherwise than before.
    pub(in crate::renew) fn follows_in(&self) -> Option<&Name> {
        match self {
            Self::Add(wish) | Self::Exchange(wish) => Some(&wish.tenant),
            Self::Update(_, new) => Some(&new.wish.tenant),
            _ => None,
        }
    }

    /// Whether doing it may be what something else waits for: two subscriptions cannot follow the same.
    pub(in crate::renew) const fn makes_room(&self) -> bool {
        matches!(self, Self::Remove(_) | Self::Forget(_) | Self::DeleteOrphan(_))
    }
}

/// The kinds of measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing is held for it: it is made.
    Create,
    /// The wish in the store becomes the configuration's; what follows from it is done.
    Update,
    /// It is held and known: the store takes it up again.
    Adopt,
    /// Its time has come.
    Renew,
    /// It is lost, or not what is wished: it is made anew.
    Recreate,
    /// It is removed at Office 365, and here if it is known here.
    Delete,
    /// Only the store still knows of it.
    Forget,
    /// It is not touched.
    Leave,
}

/// What applying a measure takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::renew) enum Todo {
    /// Nothing.
    Nothing,
    /// A wish that the store does not have.
    Add(Box<Wish>),
    /// The store follows something else under this name: that goes, and this comes.
    Exchange(Box<Wish>),
    /// The wish changes in place.
    Update(SubscriptionId, Box<NewWish>),
    /// A step at Office 365.
    Settle(SubscriptionId, Step),
    /// It is no longer wished.
    Remove(Name),
    /// The store's last trace of it goes.
    Forget(SubscriptionId),
    /// An orphan goes.
    DeleteOrphan(RemoteId),
}
