//! A store in which much is followed and nothing happens.

use std::path::Path;
use std::time::{Duration, Instant};

use chrono::Utc;
use o365_listener::store::{self, Store};

pub const MANY: u32 = 1_000_000;
pub const SOME: u32 = MANY / 10;

/// As long as Office 365 repeats notifications.
const ABSENCE: Duration = Duration::from_secs(4 * 3600);

/// Copies what the store follows under the name `files`, under numbers, for a tenant that is not configured, so that nobody is asked
/// about it. Only here the listener's tables are written by somebody else: by its own steps it would take minutes.
pub fn follow(store: &Path, from: u32, to: u32) {
    let db = rusqlite::Connection::open(store).unwrap();
    db.execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA cache_size = -300000")
        .unwrap();
    let mut columns = db.prepare("SELECT name FROM pragma_table_info('subscription') WHERE pk = 0").unwrap();
    let columns: Vec<String> =
        columns.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    let values: Vec<&str> = columns.iter().map(|column| value(column)).collect();
    let copy = format!(
        "WITH RECURSIVE number (n) AS (SELECT {from} UNION ALL SELECT n + 1 FROM number WHERE n < {to})
         INSERT INTO subscription ({}) SELECT {} FROM number, subscription AS files WHERE files.name = 'files'",
        columns.join(", "),
        values.join(", ")
    );
    assert_eq!(db.execute(&copy, []).unwrap(), usize::try_from(to - from + 1).unwrap());
    db.execute_batch("PRAGMA journal_mode = WAL").unwrap();
}

/// What a copy holds in a column: due in a month, spread over two weeks.
fn value(column: &str) -> &str {
    match column {
        "id" => "printf('%032x', n)",
        "name" => "'copy-' || n",
        "tenant" => "'elsewhere'",
        "origin" => "'api'",
        "resource" => "'drive:b!' || n",
        "target_key" => "target_key || n",
        "remote_id" => "printf('%032x', -n)",
        "remote_expires_at" | "remote_renew_at" | "renewal_due_at" | "sweep_at" => {
            "(unixepoch() + 2592000 + n) * 1000000"
        }
        "round_due_at"
        | "round_not_before"
        | "round_lease"
        | "round_leased_until"
        | "renewal_leased_until"
        | "renewal_error"
        | "round_error" => "NULL",
        other => other,
    }
}

/// How long opening takes.
pub async fn open(store: &Path) -> Duration {
    let began = Instant::now();
    let opened = opened(store).await;
    let took = began.elapsed();
    opened.close().await;
    took
}

/// How long others wait for the store at most, while everything becomes due after an absence.
pub async fn absence(store: &Path) -> Duration {
    let store = opened(store).await;
    let now = Utc::now();
    store.alive(now, ABSENCE).await.unwrap();
    let later = now + 2 * ABSENCE;
    let mut longest = Duration::ZERO;
    let mut sweeping = tokio::spawn({
        let store = store.clone();
        async move { store.alive(later, ABSENCE).await.unwrap() }
    });
    while !sweeping.is_finished() {
        let began = Instant::now();
        store.writable().await.unwrap();
        longest = longest.max(began.elapsed());
    }
    assert!((&mut sweeping).await.unwrap().is_some(), "nobody was there for so long");
    store.close().await;
    longest
}

async fn opened(store: &Path) -> std::sync::Arc<dyn Store> {
    store::open(&format!("sqlite:{}", store.display()), Utc::now()).await.unwrap()
}
