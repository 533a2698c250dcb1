//! How messages and mail folders look in answers.

use serde_json::{Map, Value, json};

use crate::simulator::world::{Folder, IdForm, Mailbox, Message, graph_time};

impl Message {
    pub(crate) fn etag(&self) -> String {
        format!("W/\"{}\"", self.change_key())
    }

    fn change_key(&self) -> String {
        format!("CQAAABYAAAB{:016X}", self.change)
    }
}

/// A message with what was selected of it; its id comes always.
pub(crate) fn message_body(
    mailbox: &Mailbox,
    message: &Message,
    form: IdForm,
    wanted: Option<&[String]>,
) -> Value {
    let mut all = message.properties.clone();
    let own = json!({
        "createdDateTime": graph_time(message.created),
        "lastModifiedDateTime": graph_time(message.modified),
        "changeKey": message.change_key(),
        "parentFolderId": mailbox.folder_id(message.folder),
    });
    if let Value::Object(own) = own {
        all.extend(own);
    }
    let mut body = Map::new();
    body.insert("@odata.etag".to_owned(), Value::from(message.etag()));
    body.insert("id".to_owned(), Value::from(mailbox.message_id(form, message.folder, message.key)));
    body.extend(all.into_iter().filter(|(name, _)| {
        wanted.is_none_or(|wanted| wanted.iter().any(|one| one.eq_ignore_ascii_case(name)))
    }));
    Value::Object(body)
}

/// A mail folder.
pub(super) fn folder_body(mailbox: &Mailbox, folder: &Folder) -> Value {
    let here = || mailbox.messages.values().filter(|message| message.folder == folder.key);
    let unread =
        here().filter(|message| message.properties.get("isRead") != Some(&Value::Bool(true))).count();
    let children = mailbox.folders.values().filter(|other| other.parent == Some(folder.key)).count();
    json!({
        "id": mailbox.folder_id(folder.key),
        "displayName": folder.name,
        // The root points at a folder above it that nobody can open.
        "parentFolderId": mailbox.folder_id(folder.parent.unwrap_or(0)),
        "childFolderCount": children,
        "unreadItemCount": unread,
        "totalItemCount": here().count(),
        "isHidden": false,
    })
}
