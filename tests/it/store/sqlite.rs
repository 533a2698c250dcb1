//! What only the SQLite store can show.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use o365_listener::model::{Change, ItemId};
use o365_listener::store::{self, Known, PageCommit, Store, StoreError};
use serde_json::json;
use tempfile::TempDir;

use super::{Place, at, claim, done, event, followed, last_page, row};

/// A folder with a database file.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("store.db")
    }

    /// Does to a closed store what only somebody else's program would do.
    fn tamper(&self, sql: &str) {
        assert_eq!(rusqlite::Connection::open(self.file()).unwrap().execute(sql, []).unwrap(), 1);
    }
}

#[async_trait]
impl Place for Folder {
    async fn try_open(&self) -> Result<Arc<dyn Store>, StoreError> {
        store::open(&format!("sqlite:{}", self.file().display()), at(0)).await
    }
}

#[tokio::test]
async fn a_second_process_on_the_same_file_is_refused_until_the_first_has_closed_it() {
    let folder = Folder::new();
    let first = folder.open().await;
    let refused = folder.try_open().await.err().unwrap();
    assert!(matches!(refused, StoreError::InUse(_)), "{refused}");
    first.close().await;
    folder.open().await;
}

#[tokio::test]
async fn a_closed_store_refuses_every_step_and_leaves_a_single_file() {
    let folder = Folder::new();
    let store = folder.open().await;
    store.depth().await.unwrap();
    store.close().await;
    store.close().await;
    assert!(matches!(store.writable().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.depth().await, Err(StoreError::Unavailable(_))));
    let mut left: Vec<_> =
        std::fs::read_dir(folder.0.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["store.db", "store.db-lock"]);
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    let store = folder.open().await;
    store.writable().await.unwrap();
    for entry in std::fs::read_dir(folder.0.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.file_name());
    }
}

#[tokio::test]
async fn what_is_no_database_or_no_place_for_one_is_refused_with_its_path() {
    let folder = Folder::new();
    std::fs::write(folder.file(), "a text that is much too long to be an empty file").unwrap();
    let refused = folder.try_open().await.err().unwrap().to_string();
    assert!(refused.contains("store.db: file is not a database"), "{refused}");

    let nowhere = store::open("sqlite:/nowhere/at/all.db", at(0)).await.err().unwrap().to_string();
    assert!(nowhere.contains("/nowhere/at/all.db"), "{nowhere}");
}

#[tokio::test]
async fn a_lock_does_not_cost_the_room_that_is_kept_back_for_a_full_disk() {
    let folder = Folder::new();
    let store = folder.open().await;
    let reserve = folder.0.path().join("store.db-reserve");
    assert!(reserve.exists());
    let other = rusqlite::Connection::open(folder.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = store.sweep_out(at(0), 9).await.unwrap_err();
    assert!(matches!(refused, StoreError::Busy(_)), "{refused}");
    assert!(reserve.exists());
    other.execute_batch("ROLLBACK").unwrap();
    store.sweep_out(at(0), 9).await.unwrap();
}

#[tokio::test]
async fn other_urls_are_unsupported() {
    for url in ["", "sqlite", "sqlite:", "postgres://localhost/x", "store.db"] {
        let refused = store::open(url, at(0)).await.err().unwrap();
        assert!(matches!(refused, StoreError::Unsupported), "{url}: {refused}");
    }
}

#[tokio::test]
async fn a_file_of_a_later_version_is_refused_and_left_as_it_is() {
    let folder = Folder::new();
    folder.open().await.close().await;
    folder.tamper("INSERT INTO migration (version, checksum, applied_at) VALUES (999, '', 0)");
    let refused = folder.try_open().await.err().unwrap();
    assert!(matches!(refused, StoreError::TooNew { found: 999, .. }), "{refused}");
    folder.tamper("DELETE FROM migration WHERE version = 999");
    folder.open().await;
}

#[tokio::test]
async fn a_row_that_cannot_be_understood_is_named() {
    let folder = Folder::new();
    let store = folder.open().await;
    followed(&*store, "files").await;
    store.close().await;
    folder.tamper("UPDATE subscription SET resource = 'fax:17'");
    let broken = folder.open().await.subscriptions().await.unwrap_err().to_string();
    let expected =
        "broken row in the store: subscription.resource of files: 'fax:17' is not a resource address";
    assert!(broken.starts_with(expected), "{broken}");
}

#[tokio::test]
async fn a_damaged_body_holds_up_neither_a_page_nor_the_housekeeping() {
    let folder = Folder::new();
    let id = {
        let store = folder.open().await;
        let id = followed(&*store, "files").await;
        let claim = claim(&*store, 0).await.unwrap();
        let body = |item: &str| json!({"id": item, "note": "the same in all of them ".repeat(40)});
        let items: Vec<String> = (0..30).map(|number| number.to_string()).collect();
        let page = PageCommit {
            events: items.iter().map(|item| event(Change::Created, item)).collect(),
            rows: items.iter().map(|item| row(item, body(item).as_object().cloned())).collect(),
            ..last_page(&claim, 1)
        };
        done(store.commit_page(page).await.unwrap());
        store.close().await;
        id
    };
    folder.tamper("UPDATE item SET packed = x'ffffff' WHERE id = '7' AND packed IS NOT NULL");
    let store = folder.open().await;
    let items = ["7", "8"].map(|item| ItemId(item.to_owned()));
    let known = store.known(id, items.to_vec()).await.unwrap();
    let Known::Here(damaged) = &known[&items[0]] else { panic!("{known:?}") };
    assert_eq!((damaged.get("note"), damaged["id"].as_str()), (None, Some("7")));
    let Known::Here(whole) = &known[&items[1]] else { panic!("{known:?}") };
    assert!(whole.contains_key("note"));
    assert_eq!(store.sweep_out(at(9), 100).await.unwrap().events, 30);
}
