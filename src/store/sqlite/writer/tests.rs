use std::sync::mpsc::{Sender, channel};

use tempfile::TempDir;

use chrono::DateTime;

use super::super::{connection, migrate};
use super::*;

fn writer(folder: &TempDir) -> Writer {
    let path = folder.path().join("store.db");
    let mut connection = connection::for_writing(&path).unwrap();
    migrate::to_newest(&mut connection, DateTime::UNIX_EPOCH).unwrap();
    connection.execute_batch("CREATE TABLE written (what TEXT);").unwrap();
    Writer::start(connection, connection::lock(&path).unwrap(), Default::default()).unwrap().0
}

/// Keeps the writer busy until something is sent, so that what is queued meanwhile is one batch.
fn hold(writer: &Writer) -> (Sender<()>, impl Future<Output = Result<(), StoreError>>) {
    let (release, held) = channel::<()>();
    let step = writer.run(move |_, _| {
        held.recv().unwrap();
        Ok(())
    });
    (release, step)
}

fn write(db: &Connection, what: &str) -> Result<(), StoreError> {
    db.execute("INSERT INTO written (what) VALUES (?1)", [what])?;
    Ok(())
}

async fn written(writer: &Writer) -> Vec<String> {
    let read = |db: &Connection, _: &mut Turn<'_>| {
        let mut statement = db.prepare("SELECT what FROM written")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    writer.run(read).await.unwrap()
}

#[tokio::test]
async fn a_step_that_fails_or_breaks_off_takes_back_only_itself() {
    let folder = TempDir::new().unwrap();
    let writer = writer(&folder);
    let (release, holding) = hold(&writer);
    let before = writer.run(|db, _| write(db, "before"));
    let failing = writer.run(|db, _| {
        write(db, "failing")?;
        Err::<(), _>(StoreError::Unsupported)
    });
    let panicking = writer.run(|db, _| {
        write(db, "panicking")?;
        assert!(db.is_autocommit(), "a step runs in a transaction");
        Ok(())
    });
    let after = writer.run(|db, _| write(db, "after"));
    let releasing = async { release.send(()).unwrap() };
    let (_, before, failing, panicking, after, ()) =
        tokio::join!(holding, before, failing, panicking, after, releasing);
    assert!(before.is_ok() && after.is_ok());
    assert!(matches!(failing, Err(StoreError::Unsupported)));
    assert!(matches!(panicking, Err(StoreError::Unavailable(_))));
    assert_eq!(written(&writer).await, ["before", "after"]);
}

#[tokio::test]
async fn a_full_disk_fails_the_whole_batch_and_heals() {
    let folder = TempDir::new().unwrap();
    let writer = writer(&folder);
    let limit = |pages: u32| {
        writer.run(move |db, _| {
            let set: u32 = db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| row.get(0))?;
            Ok(set)
        })
    };
    limit(8).await.unwrap();
    let (release, holding) = hold(&writer);
    let small = writer.run(|db, _| write(db, "small"));
    let large = writer.run(|db, _| write(db, &"x".repeat(100_000)));
    let releasing = async { release.send(()).unwrap() };
    let (_, small, large, ()) = tokio::join!(holding, small, large, releasing);
    assert!(matches!(large, Err(StoreError::Unavailable(_))), "{large:?}");
    let kept = written(&writer).await;
    assert_eq!(small.is_ok(), kept == ["small"], "{small:?}: what was answered is what is there");

    limit(1000).await.unwrap();
    writer.run(|db, _| write(db, &"x".repeat(100_000))).await.unwrap();
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let folder = TempDir::new().unwrap();
    let writer = writer(&folder);
    let (release, holding) = hold(&writer);
    let mut holding = Box::pin(holding);
    assert!(futures_util::poll!(&mut holding).is_pending());
    let mut queued = Vec::new();
    let refused = loop {
        let mut step = Box::pin(writer.run(|db, _| write(db, "queued")));
        match futures_util::poll!(&mut step) {
            std::task::Poll::Pending => queued.push(step),
            std::task::Poll::Ready(answer) => break answer,
        }
    };
    assert!(matches!(refused, Err(StoreError::Busy(_))), "{refused:?}");
    // The one that holds the writer may still be in the queue itself.
    assert!(queued.len() >= QUEUE - 1);
    release.send(()).unwrap();
    futures_util::future::join_all(queued).await.into_iter().for_each(Result::unwrap);
}
