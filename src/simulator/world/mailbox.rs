//! Mailboxes: folders, messages, what each folder's delta has to tell, and the ids of messages in both forms.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::World;
use crate::simulator::error::GraphError;

/// Well-known folder names with the names that people see.
pub(crate) const WELL_KNOWN: [(&str, &str); 8] = [
    ("msgfolderroot", "Top of Information Store"),
    ("inbox", "Inbox"),
    ("drafts", "Drafts"),
    ("sentitems", "Sent Items"),
    ("deleteditems", "Deleted Items"),
    ("archive", "Archive"),
    ("junkemail", "Junk Email"),
    ("outbox", "Outbox"),
];

const IMMUTABLE_PREFIX: &str = "AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0A";
const DEFAULT_PREFIX: &str = "AAMkA";
const FOLDER_PREFIX: &str = "AQMkA";

/// Which form ids of messages take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdForm {
    /// Changes when the message moves to another folder.
    Default,
    /// Stays while the message is in this mailbox.
    Immutable,
}

/// One user's mail.
#[derive(Debug)]
pub(crate) struct Mailbox {
    pub(crate) user: Uuid,
    pub(crate) folders: BTreeMap<u64, Folder>,
    /// Folders that were deleted, with the change that did it.
    pub(crate) deleted_folders: BTreeMap<u64, u64>,
    pub(crate) messages: BTreeMap<u64, Message>,
    /// Delta rounds in progress, by their number.
    pub(crate) chains: BTreeMap<u64, Chain>,
    pub(super) next_key: u64,
}

/// A mail folder, and what its delta has to tell.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) key: u64,
    pub(crate) well_known: Option<&'static str>,
    pub(crate) name: String,
    pub(crate) parent: Option<u64>,
    /// The change that made or renamed it.
    pub(crate) change: u64,
    pub(super) told: BTreeMap<u64, Told>,
    /// For each message its latest change here, in order.
    pub(super) by_change: BTreeMap<u64, u64>,
}

/// What a folder's delta knows of one message.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    pub(crate) message: u64,
    /// The change by which it came into the folder.
    pub(crate) entered: u64,
    /// The latest change of more than a read mark or a flag.
    pub(crate) full: u64,
    /// Properties that changed alone, each with its latest change.
    pub(crate) parts: BTreeMap<String, u64>,
    pub(crate) removed: bool,
    pub(super) latest: u64,
}

impl Told {
    pub(crate) fn latest(&self) -> u64 {
        self.latest
    }
}

/// A message.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) key: u64,
    pub(crate) folder: u64,
    pub(crate) properties: Map<String, Value>,
    pub(crate) created: DateTime<Utc>,
    pub(crate) modified: DateTime<Utc>,
    /// The number of its latest change: behind `changeKey` and the eTag.
    pub(crate) change: u64,
}

/// A delta round and those after it. Outlook keeps only the last few links of each.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    pub(crate) options: ChainOptions,
    pub(crate) highest: u64,
    /// Generations that can still be asked with, the one used last at the end.
    pub(crate) kept: Vec<(u64, FeedPlace)>,
    /// Messages told so far in a filtered first round.
    pub(crate) told: usize,
}

/// How far a link has come.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FeedPlace {
    /// Everything up to this change was told, or will come again as it changed later.
    pub(crate) cursor: u64,
    /// Where the round began: what is older than this was told whole before it.
    pub(crate) since: u64,
}

/// What the first call of a round asked for; its links remember it.
#[derive(Debug, Clone)]
pub(crate) struct ChainOptions {
    /// None: the folders themselves.
    pub(crate) folder: Option<u64>,
    pub(crate) select: Option<Vec<String>>,
    pub(crate) top: Option<usize>,
    pub(crate) change_type: Option<String>,
    pub(crate) received_from: Option<DateTime<Utc>>,
}

impl Folder {
    /// What happened here after the cursor, oldest first.
    pub(crate) fn changed_since(&self, cursor: u64) -> impl Iterator<Item = &Told> {
        self.by_change.range(cursor.saturating_add(1)..).filter_map(|(_, key)| self.told.get(key))
    }
}

impl Mailbox {
    /// A folder by id or well-known name.
    pub(crate) fn folder(&self, key: &str) -> Result<&Folder, GraphError> {
        let by_name = self
            .folders
            .values()
            .find(|folder| folder.well_known.is_some_and(|name| name.eq_ignore_ascii_case(key)));
        let by_id =
            || decode(FOLDER_PREFIX, key, self.user).and_then(|parts| self.folders.get(parts.first()?));
        by_name.or_else(by_id).ok_or_else(GraphError::message_not_found)
    }

    /// A message by its id in either form. A default id stops working when the message moves.
    pub(crate) fn message(&self, id: &str) -> Result<&Message, GraphError> {
        let immutable = decode(IMMUTABLE_PREFIX, id, self.user).and_then(|parts| parts.first().copied());
        let found = match immutable {
            Some(key) => self.messages.get(&key),
            None => decode(DEFAULT_PREFIX, id, self.user).and_then(|parts| match parts.as_slice() {
                [folder, key] => self.messages.get(key).filter(|message| message.folder == *folder),
                _ => None,
            }),
        };
        found.ok_or_else(GraphError::message_not_found)
    }

    pub(crate) fn folder_id(&self, folder: u64) -> String {
        encode(FOLDER_PREFIX, self.user, &[folder])
    }

    /// The id of a message while it is in `folder`.
    pub(crate) fn message_id(&self, form: IdForm, folder: u64, message: u64) -> String {
        match form {
            IdForm::Default => encode(DEFAULT_PREFIX, self.user, &[folder, message]),
            IdForm::Immutable => encode(IMMUTABLE_PREFIX, self.user, &[message]),
        }
    }
}

impl World {
    /// The mailbox of a user.
    pub(crate) fn mailbox(&self, user: &str) -> Result<&Mailbox, GraphError> {
        self.user(user).and_then(|user| self.mailboxes.get(&user.id)).ok_or_else(|| {
            GraphError::new(404, "ErrorInvalidUser", format!("The requested user '{user}' is invalid."))
        })
    }
}

fn encode(prefix: &str, user: Uuid, numbers: &[u64]) -> String {
    let mut bytes = user.as_bytes().to_vec();
    bytes.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
    format!("{prefix}{}", URL_SAFE.encode(bytes))
}

fn decode(prefix: &str, id: &str, user: Uuid) -> Option<Vec<u64>> {
    let encoded = id.strip_prefix(prefix)?.trim_end_matches('=');
    let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
    let numbers = bytes.strip_prefix(user.as_bytes().as_slice())?;
    Some(numbers.chunks_exact(8).filter_map(|part| part.try_into().ok().map(u64::from_be_bytes)).collect())
}
