//! How Graph names what is followed, and what an app needs to be allowed.

use super::super::throttle::Area;
use super::super::{Failure, Verdict};
use crate::model::Target;

/// Properties of a message that are asked for: what a list of messages shows, but not the body. `isRead`, `flag` and
/// `parentFolderId` must be among them, or their changes are not told.
const MESSAGE_PROPERTIES: [&str; 20] = [
    "subject",
    "from",
    "sender",
    "toRecipients",
    "ccRecipients",
    "receivedDateTime",
    "sentDateTime",
    "createdDateTime",
    "lastModifiedDateTime",
    "isRead",
    "isDraft",
    "flag",
    "importance",
    "hasAttachments",
    "parentFolderId",
    "conversationId",
    "internetMessageId",
    "categories",
    "bodyPreview",
    "webLink",
];

/// The path pieces of the resource that a subscription names, below which lies its delta function.
pub(super) fn path(target: &Target) -> Vec<&str> {
    match target {
        Target::List { site, list, .. } => vec!["sites", site, "lists", list],
        Target::Drive { drive } => vec!["drives", drive, "root"],
        Target::MailFolder { user, folder } => vec!["users", user, "mailFolders", folder, "messages"],
        Target::Mailbox { user } => vec!["users", user, "messages"],
    }
}

/// The path pieces of its delta function.
pub(super) fn delta_path(target: &Target) -> Vec<&str> {
    let mut path = path(target);
    if let Target::List { .. } = target {
        path.push("items");
    }
    path.push("delta");
    path
}

/// The path pieces of one item.
pub(super) fn item_path<'a>(target: &'a Target, id: &'a str) -> Vec<&'a str> {
    match target {
        Target::List { site, list, .. } => vec!["sites", site, "lists", list, "items", id],
        Target::Drive { drive } => vec!["drives", drive, "items", id],
        // Without the folder: a message that was moved in the meantime is still found.
        Target::MailFolder { user, .. } | Target::Mailbox { user } => vec!["users", user, "messages", id],
    }
}

/// What is asked of each item: a list's columns, which do not come by themselves, and of messages the default
/// properties and those in `select`.
pub(super) fn representation(target: &Target, select: &[String]) -> Option<(&'static str, String)> {
    match target {
        Target::List { .. } => Some(("$expand", "fields".to_owned())),
        Target::Drive { .. } => None,
        Target::MailFolder { .. } | Target::Mailbox { .. } => {
            let known =
                |property: &&str| !MESSAGE_PROPERTIES.iter().any(|p| p.eq_ignore_ascii_case(property));
            let more = select.iter().map(String::as_str).filter(known);
            Some(("$select", MESSAGE_PROPERTIES.into_iter().chain(more).collect::<Vec<_>>().join(",")))
        }
    }
}

/// Headers that every request for items needs: links do not remember them, and one page without would bring ids of
/// the other kind.
pub(super) fn item_preferences(target: &Target) -> Option<&'static str> {
    match target {
        Target::MailFolder { .. } | Target::Mailbox { .. } => {
            Some(r#"IdType="ImmutableId", odata.maxpagesize=200"#)
        }
        Target::List { .. } | Target::Drive { .. } => None,
    }
}

/// Whom Office 365 counts requests for its items with.
pub(super) fn area(target: &Target) -> Area {
    match target {
        Target::MailFolder { user, .. } | Target::Mailbox { user } => mailbox(user),
        Target::List { .. } | Target::Drive { .. } => Area::Tenant,
    }
}

/// The area of a user's mailbox.
pub(super) fn mailbox(user: &str) -> Area {
    Area::Mailbox(user.to_lowercase())
}

/// Says which application permission is the least that is needed, if one may be missing.
pub(super) fn name_permission(target: &Target, failure: Failure) -> Failure {
    let (what, permission) = match target {
        Target::List { .. } => ("SharePoint lists", LISTS),
        Target::Drive { .. } => ("files", DRIVES),
        Target::MailFolder { .. } | Target::Mailbox { .. } => ("mail", MAIL),
    };
    name_permissions(what, permission, failure)
}

/// The least application permissions.
pub(super) const LISTS: &str = "Sites.Read.All";
pub(super) const DRIVES: &str = "Files.Read.All (or Sites.Read.All)";
pub(super) const MAIL: &str = "Mail.Read";

/// As [`name_permission`], where there is no target yet.
pub(super) fn name_permissions(what: &str, permission: &str, failure: Failure) -> Failure {
    if failure.verdict != Verdict::Forbidden {
        return failure;
    }
    failure.explained(format_args!(
        "The app registration may not read {what}: give it the application permission {permission} of Microsoft \
         Graph with admin consent; if it has that, a policy limits it to other mailboxes or sites, or a quota is used up"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn additional_properties_are_asked_for_once() {
        let target = Target::MailFolder { user: "u".into(), folder: "f".into() };
        let select = ["ISREAD".to_owned(), "replyTo".to_owned()];
        let (option, value) = representation(&target, &select).unwrap();
        assert_eq!(option, "$select");
        assert!(value.starts_with("subject,from,") && value.ends_with(",webLink,replyTo"), "{value}");
    }
}
