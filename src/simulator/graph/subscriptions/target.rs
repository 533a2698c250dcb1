//! What a subscription's `resource` path stands for.

use uuid::Uuid;

use crate::simulator::error::GraphError;
use crate::simulator::wire::segments;
use crate::simulator::world::World;

/// The resource that a subscription follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// The items of a list.
    List(Uuid),
    /// A drive, by the list behind it.
    Drive(Uuid),
    /// The messages of one folder, or of the whole mailbox.
    Messages { user: Uuid, folder: Option<u64> },
}

impl Target {
    /// Reads a `resource` path.
    pub(in crate::simulator::graph) fn of(world: &World, resource: &str) -> Result<Self, GraphError> {
        let path = resource.split('?').next().unwrap_or_default();
        let (parts, _) = segments(path);
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let lower: Vec<String> = parts.iter().map(|part| part.to_lowercase()).collect();
        let words: Vec<&str> = lower.iter().map(String::as_str).collect();
        match (words.as_slice(), parts.as_slice()) {
            (["drives", _, "root"], [_, id, _]) => Ok(Self::Drive(world.drive(id).map_err(|_| gone())?.id)),
            (["users", _, "drive", "root"], [_, user, ..]) => {
                let user = world.user(user).ok_or_else(gone)?;
                user.drive.map(Self::Drive).ok_or_else(gone)
            }
            (["sites", _, "lists", _], [_, site, _, list]) => Self::list(world, (site, ""), list),
            (["sites", _, path, "lists", _], [_, host, _, _, list]) if path.starts_with(':') => {
                Self::list(world, (host, path), list)
            }
            (["users", _, "messages"], [_, user, ..]) => Self::messages(world, user, None),
            (["users", _, "mailfolders", _, "messages"], [_, user, _, folder, _]) => {
                Self::messages(world, user, Some(folder))
            }
            _ => {
                let message = format!("resource '{resource}' is not supported.");
                Err(GraphError::new(400, "InvalidRequest", message))
            }
        }
    }

    fn list(world: &World, (site, path): (&str, &str), list: &str) -> Result<Self, GraphError> {
        let site = match path.strip_prefix(':') {
            Some(path) => world.site_at(site, path),
            None => world.site(site),
        };
        let collection = site.map_err(|_| gone())?.collection;
        Ok(Self::List(world.list_of(collection, list).map_err(|_| gone())?.id))
    }

    fn messages(world: &World, user: &str, folder: Option<&str>) -> Result<Self, GraphError> {
        let mailbox = world.mailbox(user).map_err(|_| gone())?;
        let folder = folder.map(|key| mailbox.folder(key).map(|folder| folder.key).map_err(|_| gone()));
        Ok(Self::Messages { user: mailbox.user, folder: folder.transpose()? })
    }
}

fn gone() -> GraphError {
    let message = "Operation: Create; Exception: [Status Code: NotFound; Reason: The specified object was not found in \
                   the store.]";
    GraphError::new(404, "ExtensionError", message)
}
