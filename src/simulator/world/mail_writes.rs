//! Changes of messages and mail folders. Each says to the folders concerned what their delta has to tell, and
//! rings.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::mailbox::{Folder, Mailbox, Message, Told};
use super::{World, graph_time};
use crate::simulator::error::GraphError;
use crate::simulator::sender::{Happened, MailChange};

/// Properties that Outlook tells alone when nothing else changed.
const TOLD_ALONE: [&str; 2] = ["isRead", "flag"];

impl World {
    /// Puts a message into a folder and returns its key.
    pub(crate) fn add_message(
        &mut self,
        user: Uuid,
        folder: u64,
        properties: Map<String, Value>,
    ) -> Result<u64, GraphError> {
        let now = self.clock.now();
        let key = self.add_message_at(user, folder, properties, now)?;
        self.ring_mail(user, key, folder, MailChange::Created);
        Ok(key)
    }

    /// Puts a message into a folder at a time of the past, silently.
    pub(super) fn add_message_at(
        &mut self,
        user: Uuid,
        folder: u64,
        given: Map<String, Value>,
        at: DateTime<Utc>,
    ) -> Result<u64, GraphError> {
        let change = self.next_change();
        let internet_id = format!("<{}@{}>", self.random.uuid().simple(), super::super::tenant::DOMAIN);
        let conversation = self.random.uuid().simple().to_string();
        let mailbox = self.mailbox_mut(user)?;
        let key = mailbox.next_key;
        mailbox.next_key += 1;
        let mut properties = blank_message(&graph_time(at), &internet_id, &conversation);
        properties.extend(given);
        if !properties.contains_key("bodyPreview") {
            let text = properties.get("body").and_then(|body| body.get("content")).and_then(Value::as_str);
            let preview: String = text.unwrap_or_default().chars().take(255).collect();
            properties.insert("bodyPreview".to_owned(), Value::from(preview));
        }
        let message = Message { key, folder, properties, created: at, modified: at, change };
        mailbox.messages.insert(key, message);
        mailbox.tell(folder, key, change, |told| {
            *told = Told { entered: change, full: change, ..Told::default() }
        });
        Ok(key)
    }

    /// Sets properties of a message.
    pub(crate) fn change_message(
        &mut self,
        user: Uuid,
        key: u64,
        given: Map<String, Value>,
    ) -> Result<(), GraphError> {
        let (change, now) = (self.next_change(), self.clock.now());
        let mailbox = self.mailbox_mut(user)?;
        let message = mailbox.messages.get_mut(&key).ok_or_else(GraphError::message_not_found)?;
        let alone = given.keys().all(|name| TOLD_ALONE.contains(&name.as_str()));
        let names: Vec<String> = given.keys().cloned().collect();
        message.properties.extend(given);
        message.modified = now;
        message.change = change;
        let folder = message.folder;
        mailbox.tell(folder, key, change, |told| {
            if alone {
                told.parts.extend(names.into_iter().map(|name| (name, change)));
            } else {
                told.full = change;
            }
        });
        self.ring_mail(user, key, folder, MailChange::Updated);
        Ok(())
    }

    /// Moves a message to another folder of the mailbox.
    pub(crate) fn move_message(&mut self, user: Uuid, key: u64, to: u64) -> Result<(), GraphError> {
        let (left, entered, now) = (self.next_change(), self.next_change(), self.clock.now());
        let mailbox = self.mailbox_mut(user)?;
        let message = mailbox.messages.get_mut(&key).ok_or_else(GraphError::message_not_found)?;
        let from = std::mem::replace(&mut message.folder, to);
        message.modified = now;
        message.change = entered;
        mailbox.tell(from, key, left, |told| told.removed = true);
        mailbox.tell(to, key, entered, |told| *told = Told { entered, full: entered, ..Told::default() });
        self.ring_mail(user, key, to, MailChange::Moved { from });
        Ok(())
    }

    /// Deletes a message for good.
    pub(crate) fn remove_message(&mut self, user: Uuid, key: u64) -> Result<(), GraphError> {
        let folder =
            self.mailbox_mut(user)?.messages.get(&key).ok_or_else(GraphError::message_not_found)?.folder;
        self.ring_mail(user, key, folder, MailChange::Deleted);
        let change = self.next_change();
        let mailbox = self.mailbox_mut(user)?;
        mailbox.messages.remove(&key);
        mailbox.tell(folder, key, change, |told| told.removed = true);
        Ok(())
    }

    /// Makes a folder below another one and returns its key.
    pub(crate) fn add_folder(
        &mut self,
        user: Uuid,
        parent: Option<u64>,
        name: &str,
    ) -> Result<u64, GraphError> {
        let change = self.next_change();
        let mailbox = self.mailbox_mut(user)?;
        if mailbox.folders.values().any(|folder| folder.parent == parent && folder.name == name) {
            let message = "A folder with the specified name already exists.";
            return Err(GraphError::new(409, "ErrorFolderExists", message));
        }
        let key = mailbox.next_key;
        mailbox.next_key += 1;
        let folder = Folder {
            key,
            well_known: None,
            name: name.to_owned(),
            parent,
            change,
            told: std::collections::BTreeMap::new(),
            by_change: std::collections::BTreeMap::new(),
        };
        mailbox.folders.insert(key, folder);
        Ok(key)
    }

    /// Puts a folder below another one.
    pub(crate) fn move_folder(&mut self, user: Uuid, key: u64, to: u64) -> Result<(), GraphError> {
        let change = self.next_change();
        let mailbox = self.mailbox_mut(user)?;
        let mut above = Some(to);
        while let Some(folder) = above {
            if folder == key {
                let message = "A folder cannot be moved below itself.";
                return Err(GraphError::new(400, "ErrorMoveCopyFailed", message));
            }
            above = mailbox.folders.get(&folder).and_then(|folder| folder.parent);
        }
        let folder = mailbox.folders.get_mut(&key).ok_or_else(GraphError::message_not_found)?;
        (folder.parent, folder.change) = (Some(to), change);
        Ok(())
    }

    /// Deletes a folder for good, with everything in it.
    pub(crate) fn remove_folder(&mut self, user: Uuid, key: u64) -> Result<(), GraphError> {
        let mailbox = self.mailbox_mut(user)?;
        let folder = mailbox.folders.get(&key).ok_or_else(GraphError::message_not_found)?;
        if folder.well_known.is_some() {
            let message = "Distinguished folders cannot be deleted.";
            return Err(GraphError::new(403, "ErrorDeleteDistinguishedFolder", message));
        }
        let below = mailbox.folders.values().filter(|folder| folder.parent == Some(key));
        let below: Vec<u64> = below.map(|folder| folder.key).collect();
        let here = mailbox.messages.values().filter(|message| message.folder == key);
        let here: Vec<u64> = here.map(|message| message.key).collect();
        for folder in below {
            self.remove_folder(user, folder)?;
        }
        for message in here {
            self.remove_message(user, message)?;
        }
        let change = self.next_change();
        let mailbox = self.mailbox_mut(user)?;
        mailbox.folders.remove(&key);
        mailbox.deleted_folders.insert(key, change);
        Ok(())
    }

    /// Makes every message of a folder appear in its next delta, unchanged.
    pub(crate) fn replay_messages(&mut self, user: Uuid, folder: u64) {
        let Ok(mailbox) = self.mailbox_mut(user) else { return };
        let here = mailbox.messages.values().filter(|message| message.folder == folder);
        let keys: Vec<u64> = here.map(|message| message.key).collect();
        for key in keys {
            let change = self.next_change();
            if let Ok(mailbox) = self.mailbox_mut(user) {
                mailbox.tell(folder, key, change, |told| told.full = change);
            }
            self.ring_mail(user, key, folder, MailChange::Updated);
        }
    }

    fn ring_mail(&mut self, user: Uuid, message: u64, folder: u64, change: MailChange) {
        self.ring(&Happened::InMailbox { user, folder, message, change });
    }

    fn mailbox_mut(&mut self, user: Uuid) -> Result<&mut Mailbox, GraphError> {
        self.mailboxes.get_mut(&user).ok_or_else(GraphError::message_not_found)
    }
}

impl Mailbox {
    fn tell(&mut self, folder: u64, message: u64, change: u64, what: impl FnOnce(&mut Told)) {
        let Some(folder) = self.folders.get_mut(&folder) else { return };
        let told = folder.told.entry(message).or_default();
        folder.by_change.remove(&told.latest);
        what(told);
        told.message = message;
        told.latest = change;
        folder.by_change.insert(change, message);
    }
}

/// What every message has unless it was given.
fn blank_message(time: &str, internet_id: &str, conversation: &str) -> Map<String, Value> {
    let blank = json!({
        "receivedDateTime": time, "sentDateTime": time, "hasAttachments": false,
        "internetMessageId": internet_id, "subject": "", "body": {"contentType": "text", "content": ""},
        "importance": "normal", "conversationId": conversation,
        "isDeliveryReceiptRequested": null, "isReadReceiptRequested": false, "isRead": false, "isDraft": false,
        "webLink": format!("https://outlook.office365.com/owa/?ItemID={conversation}&exvsurl=1&viewmodel=ReadMessageItem"),
        "inferenceClassification": "focused", "categories": [],
        "toRecipients": [], "ccRecipients": [], "bccRecipients": [], "replyTo": [],
        "flag": {"flagStatus": "notFlagged"},
    });
    blank.as_object().cloned().unwrap_or_default()
}
