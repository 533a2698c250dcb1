use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

use super::Via;

/// What a subscription follows, as users write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Resource {
    /// `list:…`: the items of a SharePoint list.
    List(ListAddress),
    /// `onedrive:USER`: a user's OneDrive.
    OneDrive(String),
    /// `drive:…`: a document library or any drive, as files.
    Drive(DriveAddress),
    /// `mail:USER/FOLDER`: the messages of one folder, by well-known name or id.
    Mail {
        /// User principal name or id.
        user: String,
        /// Well-known name or id of the folder.
        folder: String,
    },
    /// `mail:USER`: the messages of all folders of a mailbox, by the user's principal name or id.
    Mailbox(String),
}

/// How a list is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListAddress {
    /// Its web address.
    Web(Url),
    /// `SITE-ID/LIST-ID`.
    Ids {
        /// `host,siteCollectionGuid,webGuid`.
        site: String,
        /// Guid of the list.
        list: String,
    },
}

/// How a drive is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DriveAddress {
    /// The web address of a document library.
    Web(Url),
    /// Its id.
    Id(String),
}

/// A text that is not a resource address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{address}' is not a resource address: {reason}")]
pub struct InvalidResource {
    address: String,
    reason: &'static str,
}

/// The kinds of item that events tell about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// An item of a SharePoint list.
    ListItem,
    /// A file or folder.
    DriveItem,
    /// A mail message.
    Message,
}

/// What a [`Resource`] was resolved to: ids, which stay when names change.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Target {
    /// A SharePoint list.
    List {
        /// `host,siteCollectionGuid,webGuid`.
        site: String,
        /// Guid of the list.
        list: String,
        /// Web address of the site, where the list is followed over SharePoint's own REST service, which finds it by that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        web: Option<String>,
    },
    /// A drive, as files.
    Drive {
        /// Its id, spelled as Office 365 gave it.
        drive: String,
    },
    /// A mail folder.
    MailFolder {
        /// Id of the user.
        user: String,
        /// Id of the folder.
        folder: String,
    },
    /// All folders of a mailbox, those included that are made later.
    Mailbox {
        /// Id of the user.
        user: String,
    },
}

impl Kind {
    /// The middle word of an event's `type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ListItem => "listItem",
            Self::DriveItem => "driveItem",
            Self::Message => "message",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why `include_resource_data` is not for this resource.
pub const CONTENT_IS_REFUSED: &str =
    "Microsoft sends the content of mail: addresses only, not of lists and drives, whose changes are fetched";

impl Resource {
    /// Whether Office 365 sends its content along with notifications.
    pub const fn may_bring_content(&self) -> bool {
        self.is_mail()
    }

    /// Whether its items are messages.
    pub const fn is_mail(&self) -> bool {
        matches!(self, Self::Mail { .. } | Self::Mailbox(_))
    }
}

impl Target {
    /// The kind of its items.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::List { .. } => Kind::ListItem,
            Self::Drive { .. } => Kind::DriveItem,
            Self::MailFolder { .. } | Self::Mailbox { .. } => Kind::Message,
        }
    }

    /// The way in which it was resolved, by which what Office 365 holds for it is reached.
    pub const fn via(&self) -> Via {
        match self {
            Self::List { web: Some(_), .. } => Via::SharePoint,
            _ => Via::Graph,
        }
    }

    /// One text for one resource, however it was addressed: at most one subscription per tenant, key and way.
    pub fn key(&self) -> String {
        match self {
            Self::List { site, list, .. } => format!("list:{}/{}", site.to_lowercase(), list.to_lowercase()),
            // `b!…` ids compare exactly; the hexadecimal ids of personal drives come in changing letter case.
            Self::Drive { drive } if drive.starts_with("b!") => format!("drive:{drive}"),
            Self::Drive { drive } => format!("drive:{}", drive.to_lowercase()),
            Self::MailFolder { user, folder } => format!("mail:{}/{folder}", user.to_lowercase()),
            Self::Mailbox { user } => format!("mail:{}", user.to_lowercase()),
        }
    }
}

impl FromStr for Resource {
    type Err = InvalidResource;

    fn from_str(text: &str) -> Result<Self, InvalidResource> {
        let invalid = |reason| InvalidResource { address: text.chars().take(200).collect(), reason };
        let (kind, rest) = text
            .split_once(':')
            .ok_or_else(|| invalid("it must begin with list:, onedrive:, drive: or mail:"))?;
        if rest.is_empty() || rest.len() > 2000 || rest.chars().any(char::is_control) {
            return Err(invalid("what follows the first ':' must be 1 to 2,000 printable characters"));
        }
        match kind {
            "list" => list(rest).map(Self::List).map_err(invalid),
            "drive" => drive(rest).map(Self::Drive).map_err(invalid),
            "onedrive" if !rest.contains('/') => Ok(Self::OneDrive(rest.to_owned())),
            "onedrive" => Err(invalid("write onedrive:USER, without a path")),
            "mail" => match rest.split_once('/') {
                Some((user, folder)) if !user.is_empty() && !folder.is_empty() && !folder.contains('/') => {
                    Ok(Self::Mail { user: user.to_owned(), folder: folder.to_owned() })
                }
                Some(_) => Err(invalid(
                    "write mail:USER for the whole mailbox or mail:USER/FOLDER, FOLDER being a well-known name or an id",
                )),
                None => Ok(Self::Mailbox(rest.to_owned())),
            },
            "calendar" | "contacts" | "graph" => Err(invalid("this kind is reserved for a later version")),
            _ => Err(invalid("it must begin with list:, onedrive:, drive: or mail:")),
        }
    }
}

fn web(text: &str) -> Option<Result<Url, &'static str>> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    if rest.is_empty() {
        return Some(Err("the web address has no host"));
    }
    Some(Url::parse(text).map_err(|_| "the web address cannot be read"))
}

fn list(rest: &str) -> Result<ListAddress, &'static str> {
    if let Some(url) = web(rest) {
        return url.map(ListAddress::Web);
    }
    match rest.split_once('/') {
        Some((site, list)) if !site.is_empty() && !list.is_empty() && !list.contains('/') => {
            Ok(ListAddress::Ids { site: site.to_owned(), list: list.to_owned() })
        }
        _ => Err("write list:https://HOST/sites/SITE/Lists/LIST or list:SITE-ID/LIST-ID"),
    }
}

fn drive(rest: &str) -> Result<DriveAddress, &'static str> {
    match web(rest) {
        Some(url) => url.map(DriveAddress::Web),
        None if rest.contains('/') => Err("write drive:DRIVE-ID or drive:https://HOST/sites/SITE/LIBRARY"),
        None => Ok(DriveAddress::Id(rest.to_owned())),
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(ListAddress::Web(url)) => write!(f, "list:{url}"),
            Self::List(ListAddress::Ids { site, list }) => write!(f, "list:{site}/{list}"),
            Self::OneDrive(user) => write!(f, "onedrive:{user}"),
            Self::Drive(DriveAddress::Web(url)) => write!(f, "drive:{url}"),
            Self::Drive(DriveAddress::Id(id)) => write!(f, "drive:{id}"),
            Self::Mail { user, folder } => write!(f, "mail:{user}/{folder}"),
            Self::Mailbox(user) => write!(f, "mail:{user}"),
        }
    }
}

impl TryFrom<String> for Resource {
    type Error = InvalidResource;

    fn try_from(text: String) -> Result<Self, InvalidResource> {
        text.parse()
    }
}

impl From<Resource> for String {
    fn from(resource: Resource) -> Self {
        resource.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_back_as_they_were_written() {
        for address in [
            "list:https://contoso.sharepoint.com/sites/hr/Lists/Candidates",
            "list:contoso.sharepoint.com,a,b/c",
            "onedrive:alice@contoso.com",
            "drive:b!abc",
            "drive:https://contoso.sharepoint.com/sites/hr/Shared%20Documents",
            "mail:alice@contoso.com/inbox",
            "mail:alice@contoso.com",
        ] {
            let resource: Resource = address.parse().unwrap();
            assert_eq!(resource.to_string(), address);
        }
        let spaced: Resource =
            "drive:https://contoso.sharepoint.com/sites/hr/Shared Documents".parse().unwrap();
        assert_eq!(spaced.to_string(), "drive:https://contoso.sharepoint.com/sites/hr/Shared%20Documents");
    }

    #[test]
    fn what_is_no_address_is_told_what_to_write() {
        for address in [
            "",
            "list:",
            "list:x",
            "drive:a/b",
            "onedrive:a/b",
            "mail:",
            "mail:a/",
            "mail:/b",
            "calendar:a",
            "x:y",
        ] {
            let error = address.parse::<Resource>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("'{address}' is not a resource address: ")), "{error}");
        }
    }

    #[test]
    fn one_resource_has_one_key_whatever_its_letter_case() {
        let web = Some("https://c/sites/x".to_owned());
        let upper = Target::List { site: "C,A,B".into(), list: "ID".into(), web: None };
        let lower = Target::List { site: "c,a,b".into(), list: "id".into(), web };
        assert_eq!(upper.key(), lower.key());
        assert_eq!((upper.via(), lower.via()), (Via::Graph, Via::SharePoint));
        assert_ne!(
            Target::Drive { drive: "b!Ab".into() }.key(),
            Target::Drive { drive: "b!ab".into() }.key()
        );
    }
}
