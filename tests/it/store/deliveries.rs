//! The ledger of what is pushed to sinks.

use std::time::Duration;

use o365_listener::config::SinkStart;
use o365_listener::model::{Attempt, Cursor, DeliveryState, Event, ItemKey, Outcome};
use o365_listener::store::{
    All, Attempted, Fate, NewDelivery, Settled, Settlement, SinkClaim, Store, Streak,
};

use super::{LEASE, Place, at, conformance, name, quiet, write_events};

async fn enrol(store: &dyn Store, sinks: &[(&str, SinkStart)], now: i64) {
    let sinks = sinks.iter().map(|(sink, start)| (name(sink), *start)).collect();
    store.enrol(sinks, at(now)).await.unwrap();
}

async fn claim(store: &dyn Store, now: i64) -> SinkClaim {
    store.claim_sink(&name("orders"), None, at(now), LEASE).await.unwrap().unwrap()
}

async fn events(store: &dyn Store) -> Vec<Event> {
    store.read(Cursor::START, 1000, Box::new(All)).await.unwrap().events
}

fn attempt(now: i64) -> Attempt {
    Attempt {
        at: at(now),
        outcome: Outcome::Refused,
        status: Some(500),
        duration: Duration::from_millis(3),
        excerpt: "no".to_owned(),
    }
}

/// Nothing but a claim that goes on.
fn nothing(claim: &SinkClaim, now: i64) -> Settlement {
    Settlement {
        claim: claim.clone(),
        position: claim.position,
        delivered: 0,
        gone: Vec::new(),
        lost: 0,
        stored: Vec::new(),
        attempted: Vec::new(),
        failure: None,
        well_since: None,
        disable: None,
        now: at(now),
        lease: LEASE,
    }
}

fn failed(event: &Event, now: i64, again: i64) -> NewDelivery {
    NewDelivery { event: event.clone(), tried: Some((attempt(now), Fate::Again(at(again)))) }
}

fn behind(event: &Event) -> NewDelivery {
    NewDelivery { event: event.clone(), tried: None }
}

async fn settle(store: &dyn Store, settlement: Settlement) -> (Vec<(ItemKey, bool)>, u64) {
    match store.settle(settlement).await.unwrap() {
        Settled::Done { held, pending } => (held, pending.unwrap_or_default()),
        Settled::Lost => panic!("the claim was lost"),
    }
}

async fn due(store: &dyn Store, claim: &SinkClaim, now: i64) -> Vec<u64> {
    let (due, _) = store.due_deliveries(claim, at(now), 100).await.unwrap();
    due.iter().map(|delivery| delivery.event.cursor.number()).collect()
}

/// Two subscriptions with the items 0 and 1 each: events 1 and 2, 3 and 4; and then those of the first again.
async fn six_events(store: &dyn Store) -> Vec<Event> {
    let (one, two) = (quiet(store, "one").await, quiet(store, "two").await);
    write_events(store, one, 2, 0).await;
    write_events(store, two, 2, 0).await;
    write_events(store, one, 2, 0).await;
    events(store).await
}

async fn a_new_sink_begins_where_it_says_and_a_known_one_where_it_was(place: &dyn Place) {
    let store = place.open().await;
    six_events(&*store).await;
    let starts = [
        ("all", SinkStart::Beginning),
        ("far", SinkStart::After(Cursor::at(99))),
        ("now", SinkStart::Now),
        ("some", SinkStart::After(Cursor::at(4))),
    ];
    enrol(&*store, &starts, 0).await;
    enrol(&*store, &starts.map(|(sink, _)| (sink, SinkStart::Beginning)), 1).await;
    let standings = store.sinks().await.unwrap();
    let behind: Vec<_> = standings.iter().map(|sink| (sink.name.as_str(), sink.behind)).collect();
    assert_eq!(behind, [("all", 6), ("far", 0), ("now", 0), ("some", 2)]);
}

async fn a_sink_has_one_worker_until_its_lease_ends(place: &dyn Place) {
    let store = place.open().await;
    enrol(&*store, &[("orders", SinkStart::Now)], 0).await;
    let first = claim(&*store, 0).await;
    let sink = name("orders");
    assert!(store.claim_sink(&sink, None, at(59), LEASE).await.unwrap().is_none());
    let again = store.claim_sink(&sink, Some(first.lease), at(59), LEASE).await.unwrap().unwrap();
    assert!(matches!(store.settle(nothing(&first, 59)).await.unwrap(), Settled::Lost), "it is another claim");
    settle(&*store, nothing(&again, 100)).await;
    assert!(store.claim_sink(&sink, None, at(159), LEASE).await.unwrap().is_none(), "settling prolongs it");
    let second = store.claim_sink(&sink, None, at(160), LEASE).await.unwrap().unwrap();
    assert!(matches!(store.settle(nothing(&again, 160)).await.unwrap(), Settled::Lost));
    drop(store);
    let store = place.open().await;
    assert!(matches!(store.settle(nothing(&second, 161)).await.unwrap(), Settled::Lost), "of a dead process");
    claim(&*store, 161).await;
    assert!(store.claim_sink(&name("nobody"), None, at(0), LEASE).await.unwrap().is_none());
}

async fn what_was_settled_is_there_after_a_restart(place: &dyn Place) {
    let store = place.open().await;
    let events = six_events(&*store).await;
    enrol(&*store, &[("orders", SinkStart::Beginning)], 0).await;
    let first = claim(&*store, 0).await;
    let settlement = Settlement {
        position: Cursor::at(5),
        delivered: 3,
        lost: 2,
        stored: vec![failed(&events[0], 1, 6), behind(&events[4])],
        failure: Some(attempt(1)),
        ..nothing(&first, 1)
    };
    let (held, pending) = settle(&*store, settlement).await;
    assert_eq!((held, pending), (vec![(ItemKey::of(&events[0]), true)], 2));
    drop(store);
    let store = place.open().await;
    let standing = store.sinks().await.unwrap().remove(0);
    assert_eq!((standing.position, standing.behind, standing.delivered), (Cursor::at(5), 1, 3));
    assert_eq!((standing.pending, standing.dead, standing.lost), (2, 0, 2));
    assert_eq!((standing.lost_at, standing.failure), (Some(at(1)), Some(attempt(1))));
    let again = claim(&*store, 2).await;
    assert_eq!((again.position, again.pending), (Cursor::at(5), 2));
    assert_eq!(again.held, [ItemKey::of(&events[0])]);
    let stored = store.deliveries(&name("orders"), &[DeliveryState::Pending], None, 9).await.unwrap();
    assert_eq!(stored[1].attempts, [attempt(1)]);
    assert_eq!((stored[1].due_at, stored[0].due_at), (Some(at(6)), None));
    assert_eq!(serde_json::to_value(&stored[1].event).unwrap(), serde_json::to_value(&events[0]).unwrap());
}

async fn of_an_items_deliveries_only_the_first_is_due(place: &dyn Place) {
    let store = place.open().await;
    let events = six_events(&*store).await;
    enrol(&*store, &[("orders", SinkStart::Beginning)], 0).await;
    let claim = claim(&*store, 0).await;
    let stored = vec![failed(&events[0], 0, 5), failed(&events[1], 0, 7), behind(&events[4])];
    settle(&*store, Settlement { position: Cursor::at(5), stored, ..nothing(&claim, 0) }).await;
    assert_eq!(due(&*store, &claim, 4).await, [0; 0]);
    assert_eq!(store.due_deliveries(&claim, at(5), 9).await.unwrap().1, Some(at(7)));
    assert_eq!(due(&*store, &claim, 7).await, [1, 2]);
    let (found, _) = store.due_deliveries(&claim, at(7), 1).await.unwrap();
    let gone =
        |fate| Attempted { key: found[0].key, item: ItemKey::of(&events[0]), attempt: attempt(7), fate };
    let attempted = vec![gone(Fate::Again(at(300)))];
    settle(&*store, Settlement { attempted, ..nothing(&claim, 7) }).await;
    assert_eq!(due(&*store, &claim, 299).await, [2], "the later one still waits");
    let attempted = vec![gone(Fate::Dead)];
    let (held, _) = settle(&*store, Settlement { attempted, ..nothing(&claim, 300) }).await;
    assert_eq!(held, [(ItemKey::of(&events[0]), true)]);
    assert_eq!(due(&*store, &claim, 300).await, [2, 5], "a dead letter frees its item");
    let dead = store.deliveries(&name("orders"), &[DeliveryState::Dead], None, 9).await.unwrap();
    assert_eq!((dead.len(), dead[0].attempts.len()), (1, 3));
}

async fn a_dead_letter_is_sent_late_without_holding_anything(place: &dyn Place) {
    let store = place.open().await;
    let events = six_events(&*store).await;
    enrol(&*store, &[("orders", SinkStart::Beginning)], 0).await;
    let first = claim(&*store, 0).await;
    let dead = NewDelivery { event: events[0].clone(), tried: Some((attempt(0), Fate::Dead)) };
    let stored = vec![dead, failed(&events[1], 0, 500)];
    settle(&*store, Settlement { position: Cursor::at(2), stored, ..nothing(&first, 0) }).await;
    let sink = name("orders");
    assert_eq!(store.retry(&sink, Some("nothing".to_owned()), at(1)).await.unwrap(), Some(0));
    assert_eq!(store.retry(&sink, None, at(1)).await.unwrap(), Some(2));
    assert_eq!(store.retry(&name("nobody"), None, at(1)).await.unwrap(), None);
    assert_eq!(due(&*store, &first, 1).await, [1, 2]);
    let (found, _) = store.due_deliveries(&first, at(1), 1).await.unwrap();
    assert_eq!((found[0].state, found[0].round), (DeliveryState::Late, 0));
    let attempted = vec![Attempted {
        key: found[0].key,
        item: ItemKey::of(&events[0]),
        attempt: attempt(2),
        fate: Fate::Delivered,
    }];
    let (held, pending) = settle(&*store, Settlement { attempted, ..nothing(&first, 2) }).await;
    assert_eq!((held, pending), (vec![(ItemKey::of(&events[0]), false)], 1));
}

async fn a_receiver_that_is_well_again_has_what_it_failed_to_take_at_once(place: &dyn Place) {
    let store = place.open().await;
    let events = six_events(&*store).await;
    enrol(&*store, &[("orders", SinkStart::Beginning)], 0).await;
    let claim = claim(&*store, 0).await;
    let stored = vec![failed(&events[0], 5, 9000), failed(&events[1], 20, 9000), behind(&events[4])];
    settle(&*store, Settlement { position: Cursor::at(5), stored, ..nothing(&claim, 20) }).await;
    settle(&*store, Settlement { well_since: Some(at(10)), ..nothing(&claim, 30) }).await;
    assert_eq!(due(&*store, &claim, 30).await, [2], "what failed before is another matter");
}

async fn going_back_voids_the_claim_and_takes_up_what_was_over(place: &dyn Place) {
    let store = place.open().await;
    let events = six_events(&*store).await;
    enrol(&*store, &[("orders", SinkStart::Beginning)], 0).await;
    let first = claim(&*store, 0).await;
    let dead = NewDelivery { event: events[0].clone(), tried: Some((attempt(0), Fate::Dead)) };
    let stored = vec![dead, failed(&events[1], 0, 500)];
    settle(&*store, Settlement { position: Cursor::at(6), stored, ..nothing(&first, 0) }).await;
    assert!(store.replay(&name("orders"), Cursor::START).await.unwrap());
    assert!(!store.replay(&name("nobody"), Cursor::START).await.unwrap());
    assert!(matches!(store.settle(nothing(&first, 1)).await.unwrap(), Settled::Lost));
    let second = claim(&*store, 1).await;
    assert_eq!(second.position, Cursor::START);
    assert!(store.replay(&name("orders"), Cursor::at(5)).await.unwrap());
    let second = claim(&*store, 1).await;
    assert_eq!(second.position, Cursor::START, "it never goes forwards, past what was not sent");
    let stored = vec![failed(&events[0], 2, 600), behind(&events[1])];
    let settlement = Settlement { position: Cursor::at(2), stored, ..nothing(&second, 2) };
    assert_eq!(settle(&*store, settlement).await.1, 2);
    let stored = store
        .deliveries(&name("orders"), &[DeliveryState::Pending, DeliveryState::Dead], None, 9)
        .await
        .unwrap();
    let shown: Vec<_> = stored.iter().map(|one| (one.event.cursor.number(), one.state, one.due_at)).collect();
    let pending = DeliveryState::Pending;
    assert_eq!(shown, [(2, pending, Some(at(500))), (1, pending, Some(at(600)))]);
}

async fn a_dead_letter_that_went_after_all_is_none_any_more(place: &dyn Place) {
    let store = place.open().await;
    let events = six_events(&*store).await;
    enrol(&*store, &[("orders", SinkStart::Beginning)], 0).await;
    let first = claim(&*store, 0).await;
    let dead = |event: &Event| NewDelivery { event: event.clone(), tried: Some((attempt(0), Fate::Dead)) };
    let stored = events[..3].iter().map(dead).collect();
    settle(&*store, Settlement { position: Cursor::at(6), stored, ..nothing(&first, 0) }).await;
    assert!(store.replay(&name("orders"), Cursor::at(1)).await.unwrap());
    let second = claim(&*store, 1).await;
    let gone = vec![Cursor::at(2), Cursor::at(4)];
    settle(&*store, Settlement { position: Cursor::at(4), gone, ..nothing(&second, 2) }).await;
    let still = store.deliveries(&name("orders"), &[DeliveryState::Dead], None, 9).await.unwrap();
    let still: Vec<_> = still.iter().map(|one| one.event.cursor.number()).collect();
    assert_eq!(still, [3, 1], "those that it did not come to, or that the log had no more, are still dead");
}

async fn how_a_sink_went_lately_outlives_its_claim(place: &dyn Place) {
    let store = place.open().await;
    enrol(&*store, &[("orders", SinkStart::Now)], 0).await;
    let mut first = claim(&*store, 0).await;
    assert_eq!(first.streak, Streak::default());
    first.streak = Streak { failures: 7, since: Some(at(3)) };
    settle(&*store, Settlement { failure: Some(attempt(9)), ..nothing(&first, 9) }).await;
    assert_eq!(claim(&*store, 9999).await.streak, first.streak);
}

async fn a_sink_that_is_off_cannot_be_claimed_until_it_is_on_again(place: &dyn Place) {
    let store = place.open().await;
    enrol(&*store, &[("orders", SinkStart::Now)], 0).await;
    let first = claim(&*store, 0).await;
    settle(&*store, Settlement { disable: Some("gone".to_owned()), ..nothing(&first, 3) }).await;
    let sink = name("orders");
    assert!(store.claim_sink(&sink, Some(first.lease), at(9999), LEASE).await.unwrap().is_none());
    assert_eq!(store.sinks().await.unwrap()[0].disabled, Some((at(3), "gone".to_owned())));
    assert!(store.enable(&sink).await.unwrap() && !store.enable(&name("nobody")).await.unwrap());
    claim(&*store, 10_000).await;
}

async fn what_is_over_and_who_has_left_go_with_the_retention_and_a_dead_letter_is_counted(place: &dyn Place) {
    let store = place.open().await;
    let events = six_events(&*store).await;
    enrol(&*store, &[("orders", SinkStart::Beginning), ("left", SinkStart::Beginning)], 0).await;
    let first = claim(&*store, 0).await;
    let dead = NewDelivery { event: events[0].clone(), tried: Some((attempt(0), Fate::Dead)) };
    let stored = vec![dead, failed(&events[1], 0, 500)];
    settle(&*store, Settlement { position: Cursor::at(6), stored, ..nothing(&first, 0) }).await;
    enrol(&*store, &[("orders", SinkStart::Now)], 1).await;
    assert_eq!(store.sinks().await.unwrap()[0].removed_at, Some(at(1)));
    while store.sweep_out(at(100), 100).await.unwrap().more {}
    let standings = store.sinks().await.unwrap();
    assert_eq!(standings.len(), 1, "who has left is forgotten");
    assert_eq!((standings[0].dead, standings[0].lost, standings[0].pending), (0, 1, 1));
    assert_eq!(due(&*store, &first, 500).await, [2], "what is pending outlives its event");
}

conformance!(
    a_new_sink_begins_where_it_says_and_a_known_one_where_it_was,
    a_sink_has_one_worker_until_its_lease_ends,
    what_was_settled_is_there_after_a_restart,
    of_an_items_deliveries_only_the_first_is_due,
    a_dead_letter_is_sent_late_without_holding_anything,
    a_receiver_that_is_well_again_has_what_it_failed_to_take_at_once,
    going_back_voids_the_claim_and_takes_up_what_was_over,
    a_dead_letter_that_went_after_all_is_none_any_more,
    how_a_sink_went_lately_outlives_its_claim,
    a_sink_that_is_off_cannot_be_claimed_until_it_is_on_again,
    what_is_over_and_who_has_left_go_with_the_retention_and_a_dead_letter_is_counted,
);
