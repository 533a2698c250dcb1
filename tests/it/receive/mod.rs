//! Stage 1 over HTTP, with a real store.

pub mod bench;
mod content;
mod sockets;
mod split;

use std::time::Duration;

use actix_web::http::{Method, StatusCode, header};
use actix_web::test::TestRequest;
use o365_listener::model::{HintKind, RemoteId};
use serde_json::{Value, json};

use bench::{Bench, Broken, REMOTE, Starved, Stuck};
use o365_listener::reputation::Grade;

#[actix_web::test]
async fn a_handshake_is_answered_exactly_on_both_addresses_and_by_both_methods() {
    let bench = Bench::new().await;
    for path in ["/notifications", "/lifecycle"] {
        for method in [Method::GET, Method::POST] {
            for key in ["validationToken", "validationtoken", "VALIDATIONTOKEN"] {
                let uri = format!("{path}?x=1&{key}=Validation%3a+Testing+%2B+1%3C2");
                let answer = bench.call(TestRequest::with_uri(&uri).method(method.clone())).await;
                assert_eq!(answer.status, StatusCode::OK);
                assert_eq!(answer.headers.get(header::CONTENT_TYPE).unwrap(), "text/plain");
                assert_eq!(answer.headers.get(header::X_CONTENT_TYPE_OPTIONS).unwrap(), "nosniff");
                assert_eq!(answer.body, "Validation: Testing + 1<2");
            }
        }
    }
    assert_eq!(bench.count("ack_duration_seconds_count"), 0, "a handshake is no notification");
}

#[actix_web::test]
async fn a_handshake_needs_no_store() {
    let bench = Bench::with_inbox(Stuck).await;
    let answer = bench.call(TestRequest::post().uri("/lifecycle?validationToken=a")).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "a"));
}

/// `check` opens the port while the listener is away.
#[actix_web::test]
async fn who_stands_in_shakes_hands_and_has_notifications_come_again() {
    let bench = Bench::standing_in().await;
    for path in ["/notifications", "/lifecycle"] {
        let answer = bench.call(TestRequest::post().uri(&format!("{path}?validationToken=a"))).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "a"));
        let answer = bench.call(TestRequest::post().uri(path).set_payload(r#"{"value": []}"#)).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers.contains_key(header::RETRY_AFTER));
    }
}

#[actix_web::test]
async fn a_hostile_token_is_refused_and_not_echoed() {
    let bench = Bench::new().await;
    for token in ["a%0d%0aSet-Cookie:x", "%00", &"a".repeat(4097)] {
        let uri = format!("/notifications?validationToken={token}");
        let answer = bench.call(TestRequest::get().uri(&uri)).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::BAD_REQUEST, ""));
    }
}

#[actix_web::test]
async fn nothing_else_is_served() {
    let bench = Bench::new().await;
    for (method, path, status) in [
        (Method::GET, "/", 404),
        (Method::GET, "/v1/status", 404),
        (Method::GET, "/metrics", 404),
        (Method::GET, "/notifications", 405),
        (Method::PUT, "/notifications?validationToken=a", 405),
        (Method::DELETE, "/lifecycle", 405),
        (Method::HEAD, "/notifications", 200),
    ] {
        let answer = bench.call(TestRequest::with_uri(path).method(method.clone())).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path}");
        if status == 405 {
            assert_eq!(answer.headers.get(header::ALLOW).unwrap(), "POST");
        }
    }
}

#[actix_web::test]
async fn what_was_acknowledged_is_in_the_inbox() {
    let bench = Bench::new().await;
    let state = bench.client_state();
    let payload = include_str!("../../payloads/graph-list-updated.json").replace("CLIENT_STATE", &state);
    let answer = bench.call(TestRequest::post().uri("/notifications").set_payload(payload)).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::ACCEPTED, ""));
    assert_eq!(bench.store.depth().await.unwrap().pending, 1);
    assert!(bench.fetch_was_asked().await);
    assert!(!bench.renewal_was_asked().await);
    assert_eq!(bench.counted("change", "stored"), 1);
    assert_eq!(bench.count("ack_duration_seconds_count"), 1);
}

#[actix_web::test]
async fn lifecycle_events_are_stored_and_wake_the_renewal_loop() {
    let bench = Bench::new().await;
    for payload in [
        include_str!("../../payloads/lifecycle-missed.json"),
        include_str!("../../payloads/lifecycle-reauthorization-required.json"),
        include_str!("../../payloads/lifecycle-subscription-removed.json"),
        include_str!("../../payloads/lifecycle-unknown.json"),
    ] {
        let payload = payload.replace("CLIENT_STATE", &bench.client_state());
        let answer = bench.call(TestRequest::post().uri("/lifecycle").set_payload(payload)).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
        assert!(bench.renewal_was_asked().await);
    }
    assert_eq!(bench.store.depth().await.unwrap().pending, 4);
    assert_eq!(bench.counted("lifecycle", "stored"), 3);
    assert_eq!(bench.counted("lifecycle_unknown", "stored"), 1);
}

#[actix_web::test]
async fn good_elements_are_stored_although_their_neighbours_are_bad() {
    let bench = Bench::new().await;
    let (ours, stranger) = (bench.client_state(), bench.client_state_of_a_stranger());
    let answer = bench
        .post(json!({"value": [
            element(&ours), 7, element("forged"), element(&stranger), {"subscriptionId": REMOTE}, element(&ours)
        ]}))
        .await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(bench.store.depth().await.unwrap().pending, 1);
    assert_eq!(bench.counted("change", "stored"), 1);
    assert_eq!(bench.counted("change", "elided"), 1, "the second says nothing that the first does not");
    assert_eq!(bench.counted("unknown", "malformed"), 1);
    assert_eq!(bench.counted("change", "forged"), 2);
    assert_eq!(bench.counted("change", "unknown"), 1);
}

#[actix_web::test]
async fn forged_notifications_are_acknowledged_and_dropped() {
    let bench = Bench::with_inbox(Stuck).await;
    let answer = bench.post(json!({"value": [element("guessed"), {"subscriptionId": REMOTE}]})).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "without asking the store");
    assert_eq!(bench.counted("change", "forged"), 2);
    assert!(!bench.fetch_was_asked().await);
}

#[actix_web::test]
async fn what_is_no_notification_is_refused_at_once() {
    let bench = Bench::with_inbox(Stuck).await;
    for (body, encoding, status) in [
        ("", None, 400),
        ("nonsense", None, 400),
        (r#"{"value":[]}"#, None, 400),
        (r#"{"value":[1,2]}"#, None, 400),
        (&"x".repeat(bench::BODY_LIMIT + 1), None, 413),
        (r#"{"value":[1,2]}"#, Some("br"), 415),
    ] {
        let mut request = TestRequest::post().uri("/notifications").set_payload(body.to_owned());
        if let Some(encoding) = encoding {
            request = request.insert_header((header::CONTENT_ENCODING, encoding));
        }
        let answer = bench.call(request).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (status, ""), "{body:.20}");
    }
    assert_eq!(bench.counted("unknown", "malformed"), 6);
    assert_eq!(bench.count("ack_duration_seconds_count"), 6);
}

#[actix_web::test]
async fn what_the_store_cannot_take_is_sent_back_with_503() {
    let bench = Bench::with_inbox(Broken).await;
    let answer = bench.post(json!({"value": [element(&bench.client_state())]})).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::SERVICE_UNAVAILABLE, ""));
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
    assert_eq!(bench.counted("change", "unstored"), 1);
    assert!(!bench.fetch_was_asked().await);
}

#[actix_web::test]
async fn a_store_that_hangs_is_not_waited_for() {
    let bench = Bench::with_inbox(Stuck).await;
    let watch = bench.clock.stopwatch();
    let answer = bench.post(json!({"value": [element(&bench.client_state())]})).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(watch.elapsed().as_millis() < 2500, "{:?}", watch.elapsed());
}

#[actix_web::test]
async fn answers_to_handshakes_and_notifications_make_the_reputation_and_refusals_do_not() {
    let bench = Bench::with_inbox(Broken).await;
    for path in ["/notifications?validationToken=a", "/lifecycle?validationToken=b"] {
        bench.call(TestRequest::post().uri(path)).await;
    }
    assert_eq!(bench.post(json!({"value": [element("forged")]})).await.status, StatusCode::ACCEPTED);
    let answer = bench.post(json!({"value": [element(&bench.client_state())]})).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(bench.standing().answers, 4);
    for (uri, body) in [("/notifications", "nonsense"), ("/notifications?validationToken=%00", "")] {
        let answer = bench.call(TestRequest::post().uri(uri).set_payload(body)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    }
    bench.call(TestRequest::get().uri("/notifications")).await;
    assert_eq!(bench.standing().answers, 4, "strangers do not dilute the share");
    assert_eq!((bench.standing().over_3s, bench.standing().state), (0.0, Grade::Good));
}

#[actix_web::test]
async fn a_slow_answer_counts_and_so_does_a_sender_who_gave_up_waiting_for_one() {
    let bench = Bench::with_inbox(Starved).await;
    let body = json!({"value": [element(&bench.client_state())]});
    assert_eq!(bench.post(body).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!((bench.standing().answers, bench.standing().over_3s), (1, 1.0));
    assert_eq!(bench.standing().state, Grade::Slow);

    let bench = Bench::with_inbox(Stuck).await;
    let body = json!({"value": [element(&bench.client_state())]});
    let request = || TestRequest::post().uri("/notifications").set_payload(body.to_string());
    bench.leave(request(), Duration::ZERO).await;
    assert_eq!(bench.standing().answers, 0, "who leaves at once says nothing about us");
    bench.leave(request(), bench::TOO_LONG).await;
    assert_eq!((bench.standing().answers, bench.standing().over_3s), (1, 1.0));
}

#[actix_web::test]
async fn ids_are_handed_on_in_lower_case() {
    let (inbox, hints) = bench::recording();
    let bench = Bench::with_inbox(inbox).await;
    let payload = include_str!("../../payloads/lifecycle-missed.json");
    let payload =
        payload.replace("CLIENT_STATE", &bench.client_state()).replace(REMOTE, &REMOTE.to_uppercase());
    bench.call(TestRequest::post().uri("/lifecycle").set_payload(payload)).await;
    let hints = hints.lock().unwrap();
    assert_eq!(hints.len(), 1);
    assert_eq!((hints[0].subscription, hints[0].kind), (bench.id, HintKind::Missed));
    assert_eq!(hints[0].remote, Some(RemoteId(REMOTE.to_owned())));
}

fn element(client_state: &str) -> Value {
    json!({"subscriptionId": REMOTE, "clientState": client_state, "changeType": "updated", "resource": "me/drive/root"})
}
