//! Which permissions are enough to follow what is configured. Nothing is decided by them: tokens are Microsoft's, and
//! its own pages differ on what it takes.

use crate::model::Kind;

/// The permissions of the lists of one site at least.
const SITES: &[&str] =
    &["Sites.Read.All", "Sites.ReadWrite.All", "Sites.Manage.All", "Sites.FullControl.All"];
const FILES: &[&str] = &["Files.Read.All", "Files.ReadWrite.All"];
const MAIL: &[&str] = &["Mail.Read", "Mail.ReadWrite"];

/// What a token holds of what a kind of resource takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Held {
    /// Enough.
    Enough(String),
    /// Enough to create; Microsoft's pages name another one for renewing.
    Reads(String, &'static str),
    /// Less than Microsoft names; why it may do.
    Doubtful(String, &'static str),
    /// Nothing of the kind.
    Missing,
}

/// The least permission that Microsoft names for creating a subscription.
pub(super) const fn least(kind: Kind) -> &'static str {
    match kind {
        Kind::ListItem => "Sites.Read.All",
        Kind::DriveItem => "Files.Read.All",
        Kind::Message => "Mail.Read",
    }
}

/// Looks for it among those in the token.
pub(super) fn held(kind: Kind, roles: &[String]) -> Held {
    let enough: Vec<&str> = match kind {
        Kind::ListItem => SITES.to_vec(),
        Kind::DriveItem => FILES.iter().chain(SITES).copied().collect(),
        Kind::Message => MAIL.to_vec(),
    };
    let mut found: Vec<&String> = roles.iter().filter(|role| enough.contains(&role.as_str())).collect();
    // One that reads only is told only where there is none that writes.
    found.sort_by_key(|role| reads_only(role).is_some());
    match found.first() {
        Some(role) => match reads_only(role) {
            Some(more) => Held::Reads((*role).clone(), more),
            None => Held::Enough((*role).clone()),
        },
        None => roles
            .iter()
            .find_map(|role| Some(Held::Doubtful(role.clone(), doubt(kind, role)?)))
            .unwrap_or(Held::Missing),
    }
}

/// What Microsoft's pages on renewing name in the place of one that reads. Mail is not among them.
fn reads_only(role: &str) -> Option<&'static str> {
    match role {
        "Sites.Read.All" => Some("Sites.ReadWrite.All"),
        "Files.Read.All" => Some("Files.ReadWrite.All"),
        _ => None,
    }
}

fn doubt(kind: Kind, role: &str) -> Option<&'static str> {
    match (kind, role) {
        (Kind::ListItem | Kind::DriveItem, role) if role.ends_with(".Selected") => Some(
            "Microsoft does not say whether it is enough for subscriptions, and it reaches only what was granted to the app one by one",
        ),
        (Kind::DriveItem, "Files.Read" | "Files.ReadWrite") => Some(
            "it reaches the person's own OneDrive, and Microsoft names more for subscriptions to OneDrive for Business",
        ),
        (Kind::Message, role) if role.starts_with("Mail.ReadBasic") => Some(
            "it does not reach the preview of bodies, which is asked for, and Microsoft does not say whether it is enough for subscriptions",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_takes_its_least_permission_or_a_greater_one() {
        #[derive(Debug, PartialEq)]
        enum Is {
            Enough,
            Reads,
            Doubtful,
            Missing,
        }
        for (kind, roles, told, is) in [
            (Kind::ListItem, "Sites.Read.All", "Sites.Read.All", Is::Reads),
            (Kind::ListItem, "Sites.Read.All Sites.Manage.All", "Sites.Manage.All", Is::Enough),
            (Kind::ListItem, "Sites.Selected Mail.Read", "Sites.Selected", Is::Doubtful),
            (Kind::ListItem, "Files.Read.All", "", Is::Missing),
            (Kind::ListItem, "Sites.Search.All", "", Is::Missing),
            (Kind::DriveItem, "Files.Read.All", "Files.Read.All", Is::Reads),
            (Kind::DriveItem, "Files.Read.All Files.ReadWrite.All", "Files.ReadWrite.All", Is::Enough),
            (Kind::DriveItem, "Sites.FullControl.All", "Sites.FullControl.All", Is::Enough),
            (Kind::DriveItem, "Files.Read", "Files.Read", Is::Doubtful),
            (Kind::DriveItem, "Mail.Read", "", Is::Missing),
            (Kind::Message, "User.Read Mail.Read", "Mail.Read", Is::Enough),
            (Kind::Message, "Mail.ReadWrite", "Mail.ReadWrite", Is::Enough),
            (Kind::Message, "Mail.ReadBasic.All", "Mail.ReadBasic.All", Is::Doubtful),
            (Kind::Message, "Mail.Read.Shared", "", Is::Missing),
            (Kind::Message, "", "", Is::Missing),
        ] {
            let roles: Vec<String> = roles.split_whitespace().map(str::to_owned).collect();
            let found = match held(kind, &roles) {
                Held::Enough(role) => (role, Is::Enough),
                Held::Reads(role, _) => (role, Is::Reads),
                Held::Doubtful(role, _) => (role, Is::Doubtful),
                Held::Missing => (String::new(), Is::Missing),
            };
            assert_eq!(found, (told.to_owned(), is), "{kind} {roles:?}");
        }
    }

    #[test]
    fn the_least_permission_is_enough_to_create() {
        for kind in [Kind::ListItem, Kind::DriveItem, Kind::Message] {
            let held = held(kind, &[least(kind).to_owned()]);
            assert!(matches!(held, Held::Enough(_) | Held::Reads(..)), "{kind}: {held:?}");
        }
    }
}
