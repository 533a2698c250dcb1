//! Users, sites and authors of changes.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::World;
use crate::simulator::error::GraphError;

/// A person in the directory.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    /// User principal name and mail address in one.
    pub(crate) address: String,
    /// The library behind the user's OneDrive, where one was provisioned.
    pub(crate) drive: Option<Uuid>,
}

/// A SharePoint site.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) collection: Uuid,
    pub(crate) web: Uuid,
    pub(crate) host: String,
    /// Server-relative, without the leading slash; empty for the root site of the host.
    pub(crate) path: String,
    pub(crate) title: String,
    pub(crate) created: DateTime<Utc>,
    pub(crate) personal: bool,
}

impl Site {
    /// `host,siteCollectionGuid,webGuid`.
    pub(crate) fn id(&self) -> String {
        format!("{},{},{}", self.host, self.collection, self.web)
    }

    pub(crate) fn web_url(&self) -> String {
        format!("https://{}/{}", self.host, self.path).trim_end_matches('/').to_owned()
    }
}

/// Who made a change.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    id: Uuid,
    name: String,
    /// None: an application.
    address: Option<String>,
}

impl Actor {
    pub(crate) fn application(id: Uuid) -> Self {
        Self { id, name: "Contoso listener".to_owned(), address: None }
    }

    pub(crate) fn user(user: &User) -> Self {
        Self { id: user.id, name: user.name.clone(), address: Some(user.address.clone()) }
    }

    pub(crate) fn id(&self) -> Uuid {
        self.id
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// None: an application.
    pub(crate) fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// Graph's `identitySet`.
    pub(crate) fn identity_set(&self) -> Value {
        match &self.address {
            Some(email) => json!({"user": {"id": self.id, "displayName": self.name, "email": email}}),
            None => json!({"application": {"id": self.id, "displayName": self.name}}),
        }
    }
}

impl World {
    /// People and apps have numbers of their own in each site.
    pub(crate) fn site_number(&self, actor: &Actor) -> usize {
        let place = self.users.iter().position(|user| user.id == actor.id());
        place.map_or(1_073_741_822, |place| 11 + place)
    }

    /// A user by id or principal name.
    pub(crate) fn user(&self, key: &str) -> Option<&User> {
        self.users.iter().find(|user| user.id.to_string() == key || user.address.eq_ignore_ascii_case(key))
    }

    /// A site by one of the forms of its id: `root`, a host, the whole triple, or the collection's guid.
    pub(crate) fn site(&self, key: &str) -> Result<&Site, GraphError> {
        if key == "root" {
            return self.site_at(&self.tenant.host, "");
        }
        if let Some(site) = self.sites.iter().find(|site| {
            site.id().eq_ignore_ascii_case(key)
                || site.collection.to_string().eq_ignore_ascii_case(key)
                || format!("{},{}", site.collection, site.web).eq_ignore_ascii_case(key)
        }) {
            return Ok(site);
        }
        let host = key.split(',').next().unwrap_or_default();
        if host == key && host.contains('.') {
            self.site_at(host, "")
        } else {
            Err(GraphError::item_not_found())
        }
    }

    /// A site by host and server-relative path.
    pub(crate) fn site_at(&self, host: &str, path: &str) -> Result<&Site, GraphError> {
        if !self.sites.iter().any(|site| site.host.eq_ignore_ascii_case(host)) {
            return Err(GraphError::invalid("Invalid hostname for this tenancy"));
        }
        let path = path.trim_matches('/');
        self.sites
            .iter()
            .find(|site| site.host.eq_ignore_ascii_case(host) && site.path.eq_ignore_ascii_case(path))
            .ok_or_else(|| GraphError::new(404, "itemNotFound", "Requested site could not be found"))
    }

    pub(crate) fn site_of(&self, collection: Uuid) -> Option<&Site> {
        self.sites.iter().find(|site| site.collection == collection)
    }
}
