use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde::Deserialize;

use super::path::Fault;
use super::values;
use super::{Proof, Tenant};
use crate::model::{CONTENT_IS_REFUSED, Name, Origin, Resource, Start, Via, Wish};

/// `[[subscription]]`: something to follow from the start.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, expecting = "entries, each written with double brackets")]
pub struct Subscription {
    /// Its name.
    pub name: Name,
    /// The tenant, by name.
    pub tenant: Name,
    /// What to follow.
    pub resource: Resource,
    /// The way of following it. Default `graph`.
    #[serde(default = "default_via")]
    pub via: Via,
    /// What to tell of the time before. Default `now`.
    #[serde(default = "default_start")]
    pub start: Start,
    /// `"max"` (none), or how long a remote subscription shall live.
    #[serde(default, deserialize_with = "values::duration_or_max")]
    pub lifetime: Option<Duration>,
    /// Mail: properties beside the default ones.
    #[serde(default)]
    pub select: Vec<String>,
    /// Mail: notifications bring the message, encrypted. Default false.
    #[serde(default)]
    pub include_resource_data: bool,
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
            include_resource_data: self.include_resource_data,
            origin: Origin::Config,
        }
    }
}

fn default_via() -> Via {
    Via::Graph
}

fn default_start() -> Start {
    Start::Now
}

/// Each has its own name and follows something that no other follows, through a tenant that there is.
pub(super) fn check(subscriptions: &[Subscription], tenants: &[Tenant]) -> Result<(), Fault> {
    let mut names = HashSet::new();
    let mut followed = HashMap::new();
    for (index, entry) in subscriptions.iter().enumerate() {
        let wrong = |key, message: String| Err(Fault::at(("subscription", index, key), message));
        if !names.insert(&entry.name) {
            return wrong(
                "name",
                format!("'{}' is the name of another subscription: give this one its own", entry.name),
            );
        }
        if !tenants.iter().any(|tenant| tenant.name == entry.tenant) {
            return wrong("tenant", unknown_tenant(&entry.tenant, tenants));
        }
        let same = followed.insert((&entry.tenant, entry.resource.to_string(), entry.via), &entry.name);
        if let Some(other) = same {
            return wrong("resource", format!("'{other}' follows the same: remove one of the two"));
        }
        let tenant = tenants.iter().find(|tenant| tenant.name == entry.tenant);
        if let Some(why) = tenant.and_then(|tenant| tenant.sites().refuses(&entry.resource, entry.via)) {
            return wrong("resource", why.to_owned());
        }
        if let Some(why) = refused_way(entry, tenants) {
            return wrong("via", why.to_owned());
        }
        if !entry.select.is_empty() && !entry.resource.is_mail() {
            return wrong(
                "select",
                "only mail: addresses have properties to select: leave it out".to_owned(),
            );
        }
        if entry.include_resource_data && !entry.resource.may_bring_content() {
            return wrong("include_resource_data", format!("{CONTENT_IS_REFUSED}: leave it out"));
        }
        let refused = entry.select.iter().find(|name| {
            entry.include_resource_data && NOT_SENT.iter().any(|not_sent| not_sent.eq_ignore_ascii_case(name))
        });
        if let Some(name) = refused {
            let message = format!(
                "Microsoft does not send '{name}' along: leave it out, or leave out include_resource_data"
            );
            return wrong("select", message);
        }
    }
    Ok(())
}

/// Why `via` cannot be had for the resource and the tenant, if it cannot.
fn refused_way(entry: &Subscription, tenants: &[Tenant]) -> Option<&'static str> {
    let with_secret = |tenant: &&Tenant| matches!(tenant.proof, Proof::Secret { .. });
    let tenant = tenants.iter().find(|tenant| tenant.name == entry.tenant).filter(with_secret);
    let for_secret = tenant.filter(|_| entry.via == Via::SharePoint).map(|_| SHAREPOINT_WANTS_MORE);
    entry.via.refuses(&entry.resource).or(for_secret)
}

/// Why a tenant with a client secret follows nothing over SharePoint.
pub const SHAREPOINT_WANTS_MORE: &str = "SharePoint's own service refuses an app that signs in with a client secret ('Unsupported \
                                         app only token'): give the tenant a certificate, federated_token_file or \
                                         managed_identity, or follow the list over graph";

/// Properties of a message that content cannot have.
const NOT_SENT: [&str; 2] = ["body", "uniqueBody"];

fn unknown_tenant(name: &Name, tenants: &[Tenant]) -> String {
    if tenants.is_empty() {
        return format!("there is no tenant '{name}': add it as a [[tenant]]");
    }
    let known: Vec<&str> = tenants.iter().map(|tenant| tenant.name.as_str()).collect();
    format!("there is no tenant '{name}': use one of {}, or add it as a [[tenant]]", known.join(", "))
}
