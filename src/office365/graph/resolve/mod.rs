//! From an address to ids, which stay when names change.

mod sites;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use url::Url;

use super::super::throttle::Area;
use super::super::{Failure, Verdict};
use super::resources::{DRIVES, LISTS, MAIL, mailbox, name_permissions};
use super::{Call, Graph, Identified};
use crate::model::{DriveAddress, ListAddress, Resource, Target};

/// What an address was resolved to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The ids.
    pub target: Target,
    /// Office 365's time of the last answer.
    pub at: DateTime<Utc>,
}

/// Anything that has a web address.
#[derive(Deserialize)]
struct AtAddress {
    #[serde(rename = "webUrl")]
    web_url: Url,
}

/// A list, by ids.
struct FoundList {
    site: String,
    list: String,
    at: DateTime<Utc>,
}

impl Graph {
    /// Finds what an address names, as far as the app may read it.
    pub(crate) async fn resolve(&self, resource: &Resource) -> Result<Resolved, Failure> {
        match resource {
            Resource::List(ListAddress::Web(address)) => {
                let found = self
                    .list_at(address)
                    .await
                    .map_err(|f| name_permissions("SharePoint sites", LISTS, f))?;
                Ok(found.into())
            }
            Resource::List(ListAddress::Ids { site, list }) => {
                let found = self.list_by_id(site, list).await;
                Ok(found.map_err(|failure| name_permissions("this SharePoint list", LISTS, failure))?.into())
            }
            Resource::Drive(DriveAddress::Web(address)) => self.library_at(address).await,
            Resource::Drive(DriveAddress::Id(id)) => {
                let drive = self.drive(&["drives", id]).await;
                drive.map_err(|failure| failure.naming(format_args!("drive with the id {id}")))
            }
            Resource::OneDrive(user) => {
                let drive = self.drive(&["users", user, "drive"]).await;
                drive.map_err(|failure| name_onedrive(user, failure))
            }
            Resource::Mail { user, folder } => self.mail_folder(user, folder).await,
            Resource::Mailbox(user) => self.whole_mailbox(user).await,
        }
    }

    /// Both ids are read back, since a list may also be named by its title and a site in several forms.
    async fn list_by_id(&self, site: &str, list: &str) -> Result<FoundList, Failure> {
        let answer = self.identify(&["sites", site], Area::Tenant).await;
        let (site, _) =
            answer.map_err(|failure| not_found(failure, format_args!("site with the id {site}")))?;
        let answer = self.identify(&["sites", &site, "lists", list], Area::Tenant).await;
        let (list, at) =
            answer.map_err(|failure| not_found(failure, format_args!("list {list} in the site {site}")))?;
        Ok(FoundList { site, list, at })
    }

    /// The web address of a site with this id.
    pub(crate) async fn site_address(&self, site: &str) -> Result<Url, Failure> {
        let mut url = self.base.at(["sites", site]);
        url.query_pairs_mut().append_pair("$select", "id,webUrl");
        let answer = self.read::<AtAddress>(&Call::get("find site", url, Area::Tenant)).await;
        let (found, _) = answer.map_err(|failure| {
            let failure = not_found(failure, format_args!("site with the id {site}"));
            name_permissions("SharePoint sites, which finds one by its id", LISTS, failure)
        })?;
        Ok(found.web_url)
    }

    async fn library_at(&self, address: &Url) -> Result<Resolved, Failure> {
        let found = self.list_at(address).await;
        let FoundList { site, list, .. } =
            found.map_err(|failure| name_permissions("SharePoint sites", DRIVES, failure))?;
        let drive = self.drive(&["sites", &site, "lists", &list, "drive"]).await;
        drive.map_err(|failure| {
            failure
                .naming(format_args!("document library at {address}: what is there is a list without files"))
        })
    }

    async fn drive(&self, path: &[&str]) -> Result<Resolved, Failure> {
        let answer = self.identify(path, Area::Tenant).await;
        let (drive, at) = answer.map_err(|failure| name_permissions("this drive", DRIVES, failure))?;
        Ok(Resolved { target: Target::Drive { drive }, at })
    }

    async fn mail_folder(&self, user: &str, folder: &str) -> Result<Resolved, Failure> {
        let user = self.owner(user).await?;
        let answer = self.identify(&["users", &user, "mailFolders", folder], mailbox(&user)).await;
        let (folder, at) = answer.map_err(|failure| {
            let failure = not_found(failure, format_args!("mail folder '{folder}' in this user's mailbox"));
            name_permissions("this mailbox", MAIL, failure)
        })?;
        Ok(Resolved { target: Target::MailFolder { user, folder }, at })
    }

    /// Some folder is looked at, since a user need not have a mailbox, and it need not be one that the app may read.
    async fn whole_mailbox(&self, user: &str) -> Result<Resolved, Failure> {
        let user = self.owner(user).await?;
        let answer = self.identify(&["users", &user, "mailFolders", "inbox"], mailbox(&user)).await;
        let (_, at) = answer.map_err(|failure| {
            let failure = not_found(failure, format_args!("mailbox of this user"));
            name_permissions("this mailbox", MAIL, failure)
        })?;
        Ok(Resolved { target: Target::Mailbox { user }, at })
    }

    /// The id of a user.
    async fn owner(&self, user: &str) -> Result<String, Failure> {
        match self.identify(&["users", user], mailbox(user)).await {
            Ok((id, _)) => Ok(id),
            // An app that may only read mail may not read users; a principal name does as well as an id then.
            Err(failure) if failure.verdict == Verdict::Forbidden => Ok(user.to_owned()),
            Err(failure) => Err(not_found(failure, format_args!("user '{user}' in the tenant"))),
        }
    }

    /// The id of what lies at a path.
    async fn identify(&self, path: &[&str], area: Area) -> Result<(String, DateTime<Utc>), Failure> {
        let call = Call::get("resolve", self.base.at(path.iter().copied()), area);
        let (Identified { id }, at) = self.read(&call).await?;
        Ok((id, at))
    }
}

/// A malformed id is refused as a bad request, but means the same to who typed it.
fn not_found(failure: Failure, looked_for: std::fmt::Arguments<'_>) -> Failure {
    let malformed = failure.status == Some(400) && failure.verdict == Verdict::Rejected;
    let verdict = if malformed { Verdict::NotFound } else { failure.verdict };
    Failure { verdict, ..failure }.naming(looked_for)
}

/// That a user has no OneDrive is a normal state, told with changing codes and texts, as 404 or as 400.
fn name_onedrive(user: &str, failure: Failure) -> Failure {
    let looked_for = format_args!(
        "OneDrive of '{user}': either the tenant has no such user, or the user has no OneDrive yet (it is made at \
         the first visit, and needs a licence)"
    );
    not_found(failure, looked_for)
}

impl From<FoundList> for Resolved {
    fn from(FoundList { site, list, at }: FoundList) -> Self {
        Self { target: Target::List { site, list, web: None }, at }
    }
}
