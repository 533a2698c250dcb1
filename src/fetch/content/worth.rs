//! Whether a content may be told, or is only a reason to look. Pure.

use chrono::{DateTime, Utc};

use super::Opened;
use crate::model::{Item, Properties, Target};
use crate::office365::read_content;
use crate::store::Known;

/// The item that a content is, if it may be told before the round has looked; none: it is a hint.
///
/// A content is what an item was when the notification was made, and notifications come in any order. So it must be
/// whole and in the folder that is followed, and later than what is known, or of an item of which nothing is known.
/// Where an item is gone, or was changed twice within the second that Outlook tells times in, the round decides.
pub(super) fn worth_telling(target: &Target, opened: &Opened, known: Option<&Known>) -> Option<Item> {
    let told = matches!(opened.change_type.as_deref(), Some("created" | "updated"));
    let item = item(target, opened).filter(|item| told && !item.removed && !item.partial)?;
    // The id in the clear has the form that the subscription asked for.
    if opened.item.as_ref().is_some_and(|id| *id != item.id.0) {
        return None;
    }
    let parent = text(&opened.content, "parentFolderId")?;
    // Of a whole mailbox, a move is left to the round, which knows whether the folder is one of those that are followed.
    let (followed, new) = match target {
        Target::MailFolder { folder, .. } => (parent == folder, parent == folder),
        Target::Mailbox { .. } => (false, true),
        Target::List { .. } | Target::Drive { .. } => return None,
    };
    let fresh = match known {
        Some(Known::Gone) => false,
        Some(Known::Here(before)) => {
            let here = followed || text(before, "parentFolderId") == Some(parent);
            here && modified(&opened.content)? > modified(before)?
        }
        None => new,
    };
    fresh.then_some(item)
}

/// The item that a content is, whatever it is worth.
pub(super) fn item(target: &Target, opened: &Opened) -> Option<Item> {
    read_content(target.kind(), opened.content.clone())
}

fn text<'a>(properties: &'a Properties, name: &str) -> Option<&'a str> {
    properties.get(name)?.as_str()
}

fn modified(properties: &Properties) -> Option<DateTime<Utc>> {
    let text = text(properties, "lastModifiedDateTime")?;
    DateTime::parse_from_rfc3339(text).ok().map(|date| date.to_utc())
}
