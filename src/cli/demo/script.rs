//! The changes that the demo makes, as data. Names in braces are filled in: `{person}`, `{file}` and `{topic}` are others
//! in each round, the rest are addresses and ids.

use Sent::{File, Json, Nothing};
use reqwest::Method;

/// One change.
pub(super) struct Step {
    /// What people read.
    pub says: &'static str,
    /// The call that makes it.
    pub method: Method,
    /// Where, below Graph's version.
    pub path: &'static str,
    /// With what.
    pub sent: Sent,
    /// The name of the item that changes; its id is remembered under it when the step makes it.
    pub item: &'static str,
    /// Whether the step makes the item.
    pub makes: bool,
}

/// What a call sends.
pub(super) enum Sent {
    /// Nothing.
    Nothing,
    /// JSON.
    Json(&'static str),
    /// The content of a file.
    File(&'static str),
}

/// Items that are in the tenant from the start, and where their ids are read.
pub(super) const SEEN: [(&str, &str); 5] = [
    ("root", "{drive}/root"),
    ("reports", "{drive}/root:/Reports"),
    ("report", "{drive}/root:/Reports/Q3.txt"),
    ("notes", "{drive}/root:/Notes.txt"),
    ("candidate", "{list}/items/1"),
];

/// Folders among the items, and what people call them.
pub(super) const FOLDERS: [(&str, &str); 3] =
    [("root", "OneDrive"), ("reports", "Reports"), ("archive", "Archive")];

/// Played from the top again and again; each round deletes what it made and undoes what it did to others. All kinds and
/// changes come in the first half.
pub(super) const SCRIPT: &[Step] = &[
    makes("row", "{person} applied", Method::POST, "{list}/items", Json(NEW_ROW)),
    makes(
        "document",
        "uploaded {file}.docx",
        Method::PUT,
        "{drive}/root:/{file}.docx:/content",
        File("First draft."),
    ),
    makes(
        "message",
        "mail “{topic}” arrived",
        Method::POST,
        "{mail}/mailFolders/inbox/messages",
        Json(NEW_MESSAGE),
    ),
    step(
        "document",
        "renamed {file}.docx to {file}-v2.docx",
        Method::PATCH,
        "{drive}/items/{document}",
        Json(RENAMED),
    ),
    step(
        "row",
        "invited {person}",
        Method::PATCH,
        "{list}/items/{row}/fields",
        Json(r#"{"Stage": "Interview"}"#),
    ),
    step(
        "message",
        "read “{topic}”",
        Method::PATCH,
        "{mail}/messages/{message}",
        Json(r#"{"isRead": true}"#),
    ),
    makes("archive", "made the folder Archive", Method::POST, "{drive}/root/children", Json(NEW_FOLDER)),
    step(
        "document",
        "moved {file}-v2.docx to Archive",
        Method::PATCH,
        "{drive}/items/{document}",
        Json(TO_ARCHIVE),
    ),
    step("message", "deleted “{topic}”", Method::DELETE, "{mail}/messages/{message}", Nothing),
    step("row", "{person} withdrew", Method::DELETE, "{list}/items/{row}", Nothing),
    step(
        "document",
        "wrote in {file}-v2.docx",
        Method::PUT,
        "{drive}/items/{document}/content",
        File("Second draft."),
    ),
    step("document", "deleted {file}-v2.docx", Method::DELETE, "{drive}/items/{document}", Nothing),
    step("archive", "deleted the folder Archive", Method::DELETE, "{drive}/items/{archive}", Nothing),
    step(
        "notes",
        "renamed Notes.txt to Calls.txt",
        Method::PATCH,
        "{drive}/items/{notes}",
        Json(r#"{"name": "Calls.txt"}"#),
    ),
    step("report", "moved Q3.txt out of Reports", Method::PATCH, "{drive}/items/{report}", Json(TO_ROOT)),
    step(
        "candidate",
        "made Nora Lindqvist an offer",
        Method::PATCH,
        "{list}/items/{candidate}/fields",
        Json(r#"{"Stage": "Offer"}"#),
    ),
    step(
        "notes",
        "named Calls.txt Notes.txt again",
        Method::PATCH,
        "{drive}/items/{notes}",
        Json(r#"{"name": "Notes.txt"}"#),
    ),
    step("report", "moved Q3.txt back to Reports", Method::PATCH, "{drive}/items/{report}", Json(TO_REPORTS)),
    step(
        "candidate",
        "scored Nora Lindqvist anew",
        Method::PATCH,
        "{list}/items/{candidate}/fields",
        Json(r#"{"Score": 90}"#),
    ),
    step(
        "candidate",
        "took Nora's offer back",
        Method::PATCH,
        "{list}/items/{candidate}/fields",
        Json(r#"{"Stage": "Applied", "Score": 61}"#),
    ),
];

const NEW_ROW: &str = r#"{"fields": {"Title": "{person}", "Stage": "Applied", "Score": 70}}"#;
const NEW_FOLDER: &str =
    r#"{"name": "Archive", "folder": {}, "@microsoft.graph.conflictBehavior": "replace"}"#;
const NEW_MESSAGE: &str = r#"{"subject": "{topic}", "isDraft": false, "isRead": false,
    "body": {"contentType": "text", "content": "Dear all, {topic}."}}"#;
const RENAMED: &str = r#"{"name": "{file}-v2.docx"}"#;
const TO_ARCHIVE: &str = r#"{"parentReference": {"id": "{archive}"}}"#;
const TO_ROOT: &str = r#"{"parentReference": {"id": "{root}"}}"#;
const TO_REPORTS: &str = r#"{"parentReference": {"id": "{reports}"}}"#;

const fn step(
    item: &'static str,
    says: &'static str,
    method: Method,
    path: &'static str,
    sent: Sent,
) -> Step {
    Step { says, method, path, sent, item, makes: false }
}

const fn makes(
    item: &'static str,
    says: &'static str,
    method: Method,
    path: &'static str,
    sent: Sent,
) -> Step {
    Step { says, method, path, sent, item, makes: true }
}
