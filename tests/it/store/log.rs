use o365_listener::model::{Change, Cursor};
use o365_listener::store::{All, EventFilter, LogBounds, PageCommit, ReadError};

use super::{
    Place, at, change, claim, conformance, done, event, followed, last_page, name, quiet, write_events,
};

/// Events of one type only.
struct Type(&'static str);

impl EventFilter for Type {
    fn wants(&self, _: &str, event_type: &str) -> bool {
        event_type == self.0
    }
}

fn bounds(oldest: u64, latest: u64) -> LogBounds {
    LogBounds { oldest: Cursor::at(oldest), latest: Cursor::at(latest) }
}

async fn an_empty_log_begins_and_ends_at_zero(place: &dyn Place) {
    let store = place.open().await;
    assert_eq!(store.bounds().await.unwrap(), LogBounds::default());
    let page = store.read(Cursor::START, 9, Box::new(All)).await.unwrap();
    assert_eq!((page.events.len(), page.next, page.at_end), (0, Cursor::START, true));
    assert_eq!(*store.end().borrow(), Cursor::START);
}

async fn a_reader_goes_on_from_where_it_was(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    write_events(&*store, id, 5, 1).await;
    let first = store.read(Cursor::START, 3, Box::new(All)).await.unwrap();
    assert_eq!((first.events.len(), first.next, first.at_end), (3, Cursor::at(3), false));
    let second = store.read(first.next, 2, Box::new(All)).await.unwrap();
    assert_eq!((second.events.len(), second.next, second.at_end), (2, Cursor::at(5), true));
    let third = store.read(second.next, 2, Box::new(All)).await.unwrap();
    assert_eq!((third.events.len(), third.next, third.at_end), (0, Cursor::at(5), true));
    let beyond = store.read(Cursor::at(99), 2, Box::new(All)).await.unwrap();
    assert_eq!((beyond.events.len(), beyond.next, beyond.at_end), (0, Cursor::at(99), true));
}

async fn an_event_reads_as_it_was_written(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    write_events(&*store, id, 1, 1).await;
    let page = store.read(Cursor::START, 1, Box::new(All)).await.unwrap();
    let read = &page.events[0];
    let written = event(Change::Created, "0");
    assert_eq!(read.id, format!("{id}-1"));
    assert_eq!((&read.tenant, &read.subscription), (&name("contoso"), &name("files")));
    assert_eq!((read.event_type.as_str(), read.subject.as_str()), ("o365.driveItem.created", "0"));
    assert_eq!((read.time, read.data.get()), (written.time, written.data.get()));
}

async fn a_reader_passes_over_what_it_does_not_want(place: &dyn Place) {
    let store = place.open().await;
    followed(&*store, "files").await;
    let claim = claim(&*store, 0).await.unwrap();
    let kinds = [Change::Created, Change::Deleted, Change::Created, Change::Updated];
    let events = kinds.map(|change| event(change, "a")).to_vec();
    done(store.commit_page(PageCommit { events, ..last_page(&claim, 0) }).await.unwrap());
    let page = store.read(Cursor::START, 9, Box::new(Type("o365.driveItem.deleted"))).await.unwrap();
    assert_eq!(page.events.iter().map(|event| event.cursor).collect::<Vec<_>>(), [Cursor::at(2)]);
    assert_eq!((page.next, page.at_end), (Cursor::at(4), true));
    let full = store.read(Cursor::START, 1, Box::new(Type("o365.driveItem.deleted"))).await.unwrap();
    assert_eq!((full.next, full.at_end), (Cursor::at(2), false), "it stops at the last event it looked at");
}

async fn a_reader_that_wants_nothing_still_gets_on(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    for second in 1..=3 {
        write_events(&*store, id, 4000, second).await;
    }
    let (mut after, mut reads) = (Cursor::START, 0);
    loop {
        let page = store.read(after, 10, Box::new(Type("none"))).await.unwrap();
        assert!(page.events.is_empty() && page.next > after);
        (after, reads) = (page.next, reads + 1);
        if page.at_end {
            break;
        }
    }
    assert_eq!(after, Cursor::at(12_000));
    assert!(reads > 1, "one read looks at a bounded number of events");
}

async fn the_end_is_told_after_the_events_can_be_read(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    let mut end = store.end();
    let follower = async {
        let mut seen = Vec::new();
        while seen.len() < 60 {
            let after = seen.last().copied().unwrap_or(Cursor::START);
            end.borrow_and_update();
            let page = store.read(after, 100, Box::new(All)).await.unwrap();
            if page.events.is_empty() {
                end.changed().await.unwrap();
            }
            seen.extend(page.events.iter().map(|event| event.cursor));
        }
        seen
    };
    let writer = async {
        for second in 1..=20 {
            write_events(&*store, id, 3, second).await;
            assert_eq!(*store.end().borrow(), store.bounds().await.unwrap().latest);
        }
    };
    let (seen, ()) = tokio::join!(follower, writer);
    assert_eq!(seen, (1..=60).map(Cursor::at).collect::<Vec<_>>());
}

async fn numbers_only_grow_with_many_writers(place: &dyn Place) {
    let store = place.open().await;
    let mut claims = Vec::new();
    for n in 0..16 {
        followed(&*store, &format!("s{n}")).await;
    }
    while let Some(claim) = claim(&*store, 0).await {
        claims.push(claim);
    }
    assert_eq!(claims.len(), 16);
    let writers = claims.into_iter().map(|claim| {
        let store = store.clone();
        async move {
            let mut on = claim;
            for page in 0..5 {
                let events = vec![event(Change::Created, "a"), event(Change::Updated, "a")];
                let link = super::next(&page.to_string());
                on = done(store.commit_page(PageCommit { events, link, ..last_page(&on, 1) }).await.unwrap());
            }
        }
    });
    let reader = async {
        let (mut after, mut seen) = (Cursor::START, Vec::new());
        while seen.len() < 160 {
            let page = store.read(after, 7, Box::new(All)).await.unwrap();
            seen.extend(page.events.iter().map(|event| event.cursor));
            after = page.next;
        }
        seen
    };
    let (_, seen) = tokio::join!(futures_util::future::join_all(writers), reader);
    assert_eq!(seen, (1..=160).map(Cursor::at).collect::<Vec<_>>());
}

async fn a_reader_from_before_what_is_kept_is_told_where_to_go_on(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    write_events(&*store, id, 3, 1).await;
    write_events(&*store, id, 2, 100).await;
    store.sweep_out(at(50), 1000).await.unwrap();
    assert_eq!(store.bounds().await.unwrap(), bounds(3, 5));
    for after in [0, 2] {
        let expired = store.read(Cursor::at(after), 9, Box::new(All)).await.unwrap_err();
        let ReadError::Expired { oldest, .. } = expired else { panic!("{expired}") };
        assert_eq!(oldest, Cursor::at(3));
    }
    assert_eq!(store.read(Cursor::at(3), 9, Box::new(All)).await.unwrap().events.len(), 2);
}

async fn a_log_that_is_empty_again_goes_on_counting(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    write_events(&*store, id, 3, 1).await;
    store.sweep_out(at(1000), 1000).await.unwrap();
    assert_eq!(store.bounds().await.unwrap(), bounds(3, 3));
    drop(store);
    let store = place.open().await;
    assert_eq!(store.bounds().await.unwrap(), bounds(3, 3));
    assert_eq!(*store.end().borrow(), Cursor::at(3));
    let expired = store.read(Cursor::at(2), 9, Box::new(All)).await;
    assert!(matches!(expired, Err(ReadError::Expired { .. })), "{expired:?}");
    store.append(change(id, 1001)).await.unwrap();
    write_events(&*store, id, 1, 1001).await;
    let page = store.read(Cursor::at(3), 9, Box::new(All)).await.unwrap();
    assert_eq!(page.events[0].cursor, Cursor::at(4));
    assert_eq!(page.events[0].id, format!("{id}-4"));
}

conformance![
    an_empty_log_begins_and_ends_at_zero,
    a_reader_goes_on_from_where_it_was,
    an_event_reads_as_it_was_written,
    a_reader_passes_over_what_it_does_not_want,
    a_reader_that_wants_nothing_still_gets_on,
    the_end_is_told_after_the_events_can_be_read,
    numbers_only_grow_with_many_writers,
    a_reader_from_before_what_is_kept_is_told_where_to_go_on,
    a_log_that_is_empty_again_goes_on_counting,
];
