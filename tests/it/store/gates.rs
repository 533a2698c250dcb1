//! Gates that are closed outlive the program.

use o365_listener::store::StoredGate;

use super::{Place, at, conformance, name};

async fn a_closed_gate_is_still_known_after_a_restart(place: &dyn Place) {
    let store = place.open().await;
    let gate = |area: &str, until, refusals| StoredGate {
        tenant: name("contoso"),
        area: area.to_owned(),
        closed_until: at(until),
        refusals,
        places: 4,
    };
    store.keep_gate(gate("tenant", 20, 1), at(0)).await.unwrap();
    store.keep_gate(gate("mailbox:alice", 30, 1), at(0)).await.unwrap();
    store.keep_gate(gate("tenant", 60, 2), at(20)).await.unwrap();
    drop(store);
    let store = place.open().await;
    assert_eq!(store.gates().await.unwrap(), [gate("mailbox:alice", 30, 1), gate("tenant", 60, 2)]);
    let next_day = 24 * 3600 + 40;
    store.keep_gate(gate("subscriptions", next_day + 9, 1), at(next_day)).await.unwrap();
    let kept: Vec<_> = store.gates().await.unwrap().into_iter().map(|gate| gate.area).collect();
    assert_eq!(kept, ["subscriptions", "tenant"], "what has been open for a day is forgotten");
}

conformance!(a_closed_gate_is_still_known_after_a_restart);
