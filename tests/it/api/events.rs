use std::time::Duration;

use serde_json::Value;

use super::bench::Bench;

const ZEROS: &str = "00000000000000000000";

#[actix_web::test]
async fn an_event_is_a_cloud_event() {
    let bench = Bench::new().await;
    let id = bench.follow("files").await;
    bench.write(id, &["new-17"]).await;
    let (status, mut page) = bench.get("/v1/events").await;
    assert_eq!(status, 200);
    let event_id = page["events"][0].as_object_mut().unwrap().remove("id").unwrap();
    assert!(event_id.as_str().is_some_and(|text| text.contains(&id.to_string())), "{event_id}");
    insta::assert_json_snapshot!(page, @r#"
    {
      "events": [
        {
          "data": {
            "changed": [],
            "previous": {},
            "resource": {
              "id": "new-17"
            }
          },
          "datacontenttype": "application/json",
          "sequence": "00000000000000000001",
          "source": "/tenants/fabrikam/subscriptions/files",
          "specversion": "1.0",
          "subject": "new-17",
          "subscription": "files",
          "tenant": "fabrikam",
          "time": "2027-01-15T08:00:00Z",
          "type": "o365.driveItem.created"
        }
      ],
      "next": "00000000000000000001"
    }
    "#);
}

#[actix_web::test]
async fn the_log_is_read_page_by_page() {
    let bench = Bench::new().await;
    let id = bench.follow("files").await;
    bench.write(id, &["a", "b", "c", "d", "e"]).await;
    let (mut after, mut seen) = (ZEROS.to_owned(), Vec::new());
    loop {
        let (_, page) = bench.get(&format!("/v1/events?limit=2&after={after}")).await;
        let found = subjects(&page);
        if found.is_empty() {
            assert_eq!(page["next"], after.as_str(), "nothing new: the same again");
            break;
        }
        assert!(found.len() <= 2);
        seen.extend(found);
        after = page["next"].as_str().unwrap().to_owned();
    }
    assert_eq!(seen, ["a", "b", "c", "d", "e"]);
}

#[actix_web::test]
async fn an_empty_log_answers_with_the_place_before_every_event() {
    let bench = Bench::new().await;
    for path in ["/v1/events", "/v1/events?after=latest", &format!("/v1/events?after={ZEROS}")] {
        let (status, page) = bench.get(path).await;
        assert_eq!((status, &page["next"], subjects(&page).len()), (200, &Value::from(ZEROS), 0), "{path}");
    }
}

#[actix_web::test]
async fn globs_choose_and_next_passes_over_the_rest() {
    let bench = Bench::new().await;
    let (files, letters) = (bench.follow("hr-files").await, bench.follow("letters").await);
    bench.write(files, &["new-1", "2"]).await;
    bench.write(letters, &["new-3"]).await;
    for (query, expected) in [
        ("subscription=hr-*", vec!["new-1", "2"]),
        ("type=o365.driveItem.created", vec!["new-1", "new-3"]),
        ("type=o365.*.updated", vec!["2"]),
        ("subscription=hr-*&type=*.created", vec!["new-1"]),
        ("subscription=hr", vec![]),
    ] {
        let (_, page) = bench.get(&format!("/v1/events?{query}")).await;
        assert_eq!(subjects(&page), expected, "{query}");
        assert_eq!(page["next"], "00000000000000000003", "{query}");
    }
}

#[actix_web::test]
async fn latest_begins_with_what_comes_next() {
    let bench = Bench::new().await;
    let id = bench.follow("files").await;
    bench.write(id, &["old"]).await;
    let (_, page) = bench.get("/v1/events?after=latest").await;
    assert_eq!((subjects(&page).len(), &page["next"]), (0, &Value::from("00000000000000000001")));
    let next = page["next"].as_str().unwrap();
    bench.write(id, &["fresh"]).await;
    let (_, page) = bench.get(&format!("/v1/events?after={next}")).await;
    assert_eq!(subjects(&page), ["fresh"]);
}

#[actix_web::test]
async fn a_call_waits_until_there_is_something() {
    let bench = Bench::new().await;
    let id = bench.follow("files").await;
    bench.write(id, &["old"]).await;
    let waiting = bench.get("/v1/events?after=1&wait=60&type=*.created");
    let writing = async {
        bench.write(id, &["other"]).await;
        bench.write(id, &["new-one"]).await;
    };
    let ((status, page), ()) = tokio::join!(waiting, writing);
    assert_eq!((status, subjects(&page)), (200, vec!["new-one".to_owned()]));
}

#[actix_web::test]
async fn a_call_does_not_wait_for_longer_than_asked() {
    let bench = Bench::new().await;
    let began = bench.clock.now();
    let (status, page) = bench.while_time_passes(bench.get("/v1/events?wait=20")).await;
    assert_eq!((status, &page["next"], subjects(&page).len()), (200, &Value::from(ZEROS), 0));
    assert!(bench.clock.now() - began >= chrono::TimeDelta::seconds(20));
}

#[actix_web::test]
async fn whoever_waits_is_let_go_when_the_program_stops() {
    let bench = Bench::new().await;
    let stopping = async { bench.stopping.cancel() };
    let ((status, page), ()) = tokio::join!(bench.get("/v1/events?wait=60"), stopping);
    assert_eq!((status, &page["next"]), (200, &Value::from(ZEROS)));
}

#[actix_web::test]
async fn a_place_that_is_no_longer_kept_is_gone() {
    let bench = Bench::new().await;
    let id = bench.follow("files").await;
    bench.write(id, &["a", "b"]).await;
    bench.clock.advance(Duration::from_secs(60));
    bench.write(id, &["c"]).await;
    bench.store.sweep_out(bench.clock.now(), 1000).await.unwrap();
    for path in [format!("/v1/events?after={ZEROS}"), "/v1/events/stream?after=1".to_owned()] {
        let (status, problem) = bench.get(&path).await;
        assert_eq!((status, &problem["oldest"]), (410, &Value::from("00000000000000000002")), "{problem}");
    }
    let (_, page) = bench.get("/v1/events").await;
    assert_eq!(subjects(&page), ["c"], "without a place, the oldest kept");
}

#[actix_web::test]
async fn a_place_that_the_log_has_not_reached_is_told_so_instead_of_waited_at() {
    let bench = Bench::new().await;
    let id = bench.follow("files").await;
    bench.write(id, &["a", "b"]).await;
    for path in ["/v1/events?after=3", "/v1/events?after=99999&wait=60", "/v1/events/stream?after=3"] {
        let (status, problem) = bench.get(path).await;
        assert_eq!((status, &problem["latest"]), (400, &Value::from("00000000000000000002")), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("after=latest"), "{problem}");
    }
    assert_eq!(bench.get("/v1/events?after=2").await.0, 200);
}

#[actix_web::test]
async fn a_bad_query_is_a_problem_that_says_what_is_wrong() {
    let bench = Bench::new().await;
    for (query, words) in [
        (
            "after=yesterday",
            "'yesterday' is not a cursor: use the `next` or `sequence` that an earlier answer gave, or `latest`",
        ),
        ("after=-1", "'-1' is not a cursor"),
        ("limit=0", "limit is a number from 1 to 1000"),
        ("limit=1001", "limit is a number from 1 to 1000"),
        ("limit=many", "limit is a number from 1 to 1000"),
        ("wait=61", "wait is a number of seconds up to 60"),
        ("subscription=%5B", "glob"),
        ("colour=red", "unknown field `colour`"),
        ("limit=1&limit=2", "duplicate field `limit`"),
    ] {
        let (status, problem) = bench.get(&format!("/v1/events?{query}")).await;
        assert_eq!(status, 400, "{query}");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
    }
}

pub fn subjects(page: &Value) -> Vec<String> {
    page["events"].as_array().unwrap().iter().map(|e| e["subject"].as_str().unwrap().to_owned()).collect()
}

#[actix_web::test]
async fn who_begins_with_the_oldest_is_never_told_that_it_is_gone() {
    let bench = Bench::new().await;
    let id = bench.follow("files").await;
    for _ in 0..30 {
        bench.write(id, &["a", "b", "c", "d"]).await;
        bench.clock.advance(Duration::from_secs(60));
        let forget = bench.store.sweep_out(bench.clock.now(), 1);
        let (read, forgotten) = tokio::join!(bench.get("/v1/events"), forget);
        forgotten.unwrap();
        assert_eq!(read.0, 200, "{}", read.1);
    }
}
