//! What is in the tenant at the start: older than any client, and the same for the same seed.

use std::collections::{BTreeMap, HashMap};

use actix_web::web::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::change_log::ChangeLog;
use super::list::{Drive, ROOT};
use super::list_writes::folder_draft;
use super::mailbox::{Folder, Mailbox, WELL_KNOWN};
use super::{Actor, Column, Content, Draft, File, List, Site, User, World};
use crate::simulator::random::Random;
use crate::simulator::tenant::{DOMAIN, HOST, MY_HOST};

const CANDIDATES: [(&str, &str, u32); 5] = [
    ("Nora Lindqvist", "Applied", 61),
    ("Tomás Rivera", "Interview", 74),
    ("Aiko Mori", "Offer", 88),
    ("Peter Novak", "Applied", 55),
    ("Leïla Benali", "Interview", 79),
];

const fn column(name: &'static str, title: &'static str, kind: &'static str) -> Column {
    Column { name, title, kind, hidden: false, read_only: false }
}

/// Columns that SharePoint keeps by itself.
const SYSTEM_COLUMNS: [Column; 6] = [
    Column { read_only: true, ..column("ID", "ID", "number") },
    Column { read_only: true, ..column("Created", "Created", "dateTime") },
    Column { read_only: true, ..column("Modified", "Modified", "dateTime") },
    Column { read_only: true, ..column("Author", "Created By", "personOrGroup") },
    Column { read_only: true, ..column("Editor", "Modified By", "personOrGroup") },
    Column { hidden: true, ..column("_ModerationComments", "Approver Comments", "text") },
];

impl World {
    /// Fills the tenant.
    pub(super) fn populate(&mut self, seed: u64) {
        let mut ids = Random::new(seed, "directory");
        let start = self.clock.now() - TimeDelta::days(90);
        self.sites.push(site(&mut ids, (HOST, ""), "Contoso", start));
        self.sites.push(site(&mut ids, (HOST, "sites/hr"), "Human Resources", start));
        for name in ["Alice", "Bob", "Carol"] {
            let address = format!("{}@{DOMAIN}", name.to_lowercase());
            let user = User { id: ids.uuid(), name: format!("{name} Example"), address, drive: None };
            self.users.push(user);
        }
        self.populate_sites(&mut ids, start);
        // Carol never opened her OneDrive, so she has none.
        for user in self.users.clone() {
            if user.name.starts_with("Carol") {
                self.populate_mailbox(&user, start);
            } else {
                self.populate_drive(&mut ids, &user, start);
                self.populate_mailbox(&user, start);
            }
        }
    }

    fn populate_sites(&mut self, ids: &mut Random, start: DateTime<Utc>) {
        let Some(author) = self.users.first().map(Actor::user) else { return };
        let sites = self.sites.clone();
        for site in &sites {
            let library = self.library(ids, site, None, start);
            let text = b"Welcome to Contoso.\n".to_vec();
            self.seed_file(library, ROOT, "Welcome.txt", &text, (&author, start + TimeDelta::days(1)));
        }
        let Some(site) = sites.last() else { return };
        let mut columns = vec![
            column("Title", "Title", "text"),
            column("Stage", "Stage", "choice"),
            column("Score", "Score", "number"),
            column("Notes", "Notes", "text"),
        ];
        columns.extend(SYSTEM_COLUMNS);
        let candidates = new_list(ids, site, ("Candidates", "Candidates"), columns, start);
        let id = candidates.id;
        self.lists.insert(id, candidates);
        for (days, (title, stage, score)) in (2..).zip(CANDIDATES) {
            let fields = object(json!({"Title": title, "Stage": stage, "Score": score}));
            let draft = Draft { parent: ROOT, name: String::new(), content: Content::Row, fields };
            let _ = self.add_item_at(id, draft, &author, start + TimeDelta::days(days));
        }
    }

    fn populate_drive(&mut self, ids: &mut Random, user: &User, start: DateTime<Utc>) {
        let path = format!("personal/{}", user.address.replace(['@', '.'], "_"));
        let mut home = site(ids, (MY_HOST, &path), &user.name, start);
        home.personal = true;
        let library = self.library(ids, &home, Some(user.id), start);
        self.sites.push(home);
        if let Some(user) = self.users.iter_mut().find(|other| other.id == user.id) {
            user.drive = Some(library);
        }
        let actor = Actor::user(user);
        let at = start + TimeDelta::days(3);
        let Ok(folder) = self.add_item_at(library, folder_draft(ROOT, "Reports"), &actor, at) else { return };
        let report = format!("Quarterly figures of {}.\n", user.name).into_bytes();
        self.seed_file(library, folder, "Q3.txt", &report, (&actor, at + TimeDelta::days(1)));
        self.seed_file(library, ROOT, "Notes.txt", b"Call the printer.\n", (&actor, at + TimeDelta::days(2)));
    }

    fn seed_file(&mut self, list: Uuid, parent: u64, name: &str, text: &[u8], by: (&Actor, DateTime<Utc>)) {
        let file = File::new(Bytes::copy_from_slice(text), "text/plain", 1);
        let draft = Draft { parent, name: name.to_owned(), content: Content::File(file), fields: Map::new() };
        let _ = self.add_item_at(list, draft, by.0, by.1);
    }

    /// A document library with its root folder.
    fn library(&mut self, ids: &mut Random, site: &Site, owner: Option<Uuid>, at: DateTime<Utc>) -> Uuid {
        let mut columns = vec![column("FileLeafRef", "Name", "text"), column("Title", "Title", "text")];
        columns.extend(SYSTEM_COLUMNS);
        let name = if owner.is_some() { "Documents" } else { "Shared Documents" };
        let mut list = new_list(ids, site, (name, "Documents"), columns, at);
        let path = if owner.is_some() { "Documents" } else { "Shared%20Documents" };
        list.web_url = format!("{}/{path}", site.web_url());
        let tail = [ids.uuid().as_bytes().as_slice(), list.id.as_bytes().as_slice()].concat();
        list.drive = Some(Drive { id: format!("b!{}", URL_SAFE_NO_PAD.encode(tail)), owner });
        list.next_id = ROOT;
        let id = list.id;
        self.lists.insert(id, list);
        let author = self.app();
        let _ = self.add_item_at(id, folder_draft(ROOT, "root"), &author, at);
        id
    }

    fn populate_mailbox(&mut self, user: &User, start: DateTime<Utc>) {
        let mut mailbox = Mailbox {
            user: user.id,
            folders: BTreeMap::new(),
            messages: BTreeMap::new(),
            deleted_folders: BTreeMap::new(),
            chains: BTreeMap::new(),
            next_key: 1,
        };
        for (well_known, name) in WELL_KNOWN {
            let key = mailbox.next_key;
            mailbox.next_key += 1;
            let change = self.next_change();
            let folder = Folder {
                key,
                well_known: Some(well_known),
                name: name.to_owned(),
                parent: (key > 1).then_some(1),
                change,
                told: BTreeMap::new(),
                by_change: BTreeMap::new(),
            };
            mailbox.folders.insert(key, folder);
        }
        let inbox = mailbox.folder("inbox").map(|folder| folder.key).unwrap_or_default();
        self.mailboxes.insert(user.id, mailbox);
        let to = json!([{"emailAddress": {"name": user.name, "address": user.address}}]);
        for (days, subject) in [(5, "Welcome"), (6, "Team lunch"), (7, "Figures for Q3")] {
            let from =
                json!({"emailAddress": {"name": "Reception", "address": format!("reception@{DOMAIN}")}});
            let message = json!({
                "subject": subject, "from": from, "sender": from, "toRecipients": to, "isRead": true,
                "body": {"contentType": "text", "content": format!("{subject}.\r\n")},
            });
            let _ = self.add_message_at(user.id, inbox, object(message), start + TimeDelta::days(days));
        }
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn site(ids: &mut Random, (host, path): (&str, &str), title: &str, created: DateTime<Utc>) -> Site {
    Site {
        collection: ids.uuid(),
        web: ids.uuid(),
        host: host.to_owned(),
        path: path.to_owned(),
        title: title.to_owned(),
        created,
        personal: false,
    }
}

fn new_list(
    ids: &mut Random,
    site: &Site,
    (name, title): (&str, &str),
    columns: Vec<Column>,
    created: DateTime<Utc>,
) -> List {
    List {
        id: ids.uuid(),
        site: site.collection,
        name: name.to_owned(),
        title: title.to_owned(),
        web_url: format!("{}/Lists/{name}", site.web_url()),
        created,
        columns,
        drive: None,
        items: BTreeMap::new(),
        oldest_token: 0,
        log: ChangeLog::default(),
        by_drive_id: HashMap::new(),
        by_change: BTreeMap::new(),
        next_id: 1,
    }
}
