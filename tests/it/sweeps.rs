//! What nobody announced is found, within a budget, and what is found so makes suspicious.

use std::time::Duration;

use serde_json::{Value, json};

use crate::house::House;
use crate::listener::eventually;
use crate::outage::gate::Gate;

const HOUR: Duration = Duration::from_secs(3600);

fn following(name: &str, resource: &str) -> String {
    format!("[[subscription]]\nname = \"{name}\"\ntenant = \"contoso\"\nresource = \"{resource}\"\n")
}

/// Lets time pass as it does: in steps between which the listener is there.
async fn pass(house: &House, steps: u32, step: Duration) {
    for _ in 0..steps {
        house.advance(step);
        house.quiet().await;
    }
}

async fn recovered(house: &House) -> u64 {
    format!("{:.0}", house.metric("o365_sweep_recovered_total").await.abs()).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sweep_finds_makes_suspicious_until_sweeps_find_nothing() {
    let house = House::start(&following("candidates", "{list}")).await;
    house.active("candidates").await;
    assert_eq!(house.subscription("candidates").await.get("suspicious"), None);
    house.control("notifications", json!({"lose": 1.0})).await;
    let list = house.tenant.tenant().resources.list.clone();
    house.change(&list).await;
    pass(&house, 2, 3 * HOUR + HOUR / 10).await;
    house.eventually("a sweep finds it", async || house.events().await.len() == 1).await;
    assert_eq!(recovered(&house).await, 1);
    house
        .eventually("it is suspicious", async || {
            house.subscription("candidates").await["suspicious"]["reason"] == "unannounced"
        })
        .await;
    assert_eq!(house.get("/v1/status").await["subscriptions"]["suspicious"], json!(1));
    // It is swept again after a quarter of the time.
    house.change(&list).await;
    pass(&house, 1, 2 * HOUR).await;
    house.eventually("an early sweep finds the next", async || house.events().await.len() == 2).await;
    house.control("notifications", json!({"lose": 0.0})).await;
    for _ in 0..4 {
        pass(&house, 2, 3 * HOUR + HOUR / 10).await;
    }
    house
        .eventually("it is trusted again", async || {
            house.subscription("candidates").await.get("suspicious").is_none()
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_first_look_after_a_start_finds_was_not_to_be_announced() {
    let house = House::start("").await;
    let list = house.tenant.tenant().resources.list.clone();
    // The resource is known and its "now" is taken; creating fails, and meanwhile there is a change.
    house
        .control("faults", json!({"status": 504, "method": "POST", "path_prefix": "/v1.0/subscriptions"}))
        .await;
    let wish = json!({"name": "candidates", "tenant": "contoso", "resource": list});
    let (status, made) = house.call("POST", "/v1/subscriptions", Some(wish)).await;
    assert_eq!(status, 202, "{made}");
    house.change(&list).await;
    house.eventually("the change is told", async || house.events().await.len() == 1).await;
    house.active("candidates").await;
    assert_eq!(recovered(&house).await, 0);
    assert_eq!(house.subscription("candidates").await.get("suspicious"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_long_absence_everything_is_swept_and_nothing_is_suspected() {
    let mut house = House::start(&following("candidates", "{list}")).await;
    house.active("candidates").await;
    house.control("notifications", json!({"lose": 1.0})).await;
    let list = house.tenant.tenant().resources.list.clone();
    for (away, swept) in [(3 * HOUR, false), (5 * HOUR, true)] {
        house.quiet().await;
        house.close().await;
        house.change(&list).await;
        house.advance(away);
        house.open().await;
        if swept {
            house.eventually("it is swept", async || house.events().await.len() == 2).await;
            assert_eq!(recovered(&house).await, 2);
            house.active("candidates").await;
            assert_eq!(house.subscription("candidates").await.get("suspicious"), None);
        } else {
            house.quiet().await;
            assert!(house.events().await.is_empty(), "Office 365 still repeats what was missed");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sweeps_keep_to_their_budget_and_what_is_announced_does_not_wait_for_them() {
    let entries = ["list", "drive", "mail"].map(|name| following(name, &format!("{{{name}}}"))).concat();
    let house = House::start(&format!("[fetch]\nsweeps_per_minute = 1\n{entries}")).await;
    for name in ["list", "drive", "mail"] {
        house.active(name).await;
    }
    let swept = async |since: &Value| {
        let mut swept = 0;
        for name in ["list", "drive", "mail"] {
            swept += usize::from(house.subscription(name).await["last_fetch_at"].as_str() > since.as_str());
        }
        swept
    };
    let before = json!(house.now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true));
    house.advance(3 * HOUR);
    house.quiet().await;
    house.advance(3 * HOUR + HOUR / 2);
    house.eventually("one is swept", async || swept(&before).await == 1).await;
    house.quiet().await;
    assert_eq!(swept(&before).await, 1, "the others wait for their minute");
    let resources = house.tenant.tenant().resources.clone();
    for resource in [&resources.list, &resources.drive, &resources.mail] {
        house.change(resource).await;
    }
    house.eventually("all changes are told at once", async || house.events().await.len() == 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_followed_while_sweeps_were_off_is_swept_once_they_are_on() {
    let entries = format!("[fetch]\nsweep_every = 0\n{}", following("candidates", "{list}"));
    let mut house = House::start(&entries).await;
    house.active("candidates").await;
    house.control("notifications", json!({"lose": 1.0})).await;
    house.quiet().await;
    house.close().await;
    house.change(&house.tenant.tenant().resources.list.clone()).await;
    house.rewrite(|text| text.replace("sweep_every = 0", "sweep_every = \"6h\""));
    house.open().await;
    house.eventually("a sweep finds it", async || house.events().await.len() == 1).await;
    assert_eq!(house.subscription("candidates").await.get("suspicious"), None, "nobody had looked");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_one_place_a_long_sweep_gives_way_to_what_is_announced() {
    let mut house = House::start("").await;
    house.close().await;
    let tenant = house.tenant.url().trim_start_matches("http://").parse().unwrap();
    let gate = Gate::to(tenant).await;
    house.configure(&format!("[fetch]\nconcurrency = 1\n{}", following("files", "{drive}")), gate.url());
    house.open().await;
    house.active("files").await;
    pass(&house, 1, 3 * HOUR).await;
    // Followed later, and so to be swept later.
    let resources = house.tenant.tenant().resources.clone();
    let wish = json!({"name": "candidates", "tenant": "contoso", "resource": resources.list});
    assert_eq!(house.call("POST", "/v1/subscriptions", Some(wish)).await.0, 201);
    house.active("candidates").await;
    house.control("notifications", json!({"lose": 1.0})).await;
    house.control("changes", json!({"count": 30, "seed": 1, "resource": resources.drive})).await;
    house.control("pages", json!({"page_size": 1})).await;
    house.forget_requests().await;
    gate.close();
    house.advance(3 * HOUR + HOUR / 10);
    let store = rusqlite::Connection::open(house.store()).unwrap();
    let leased = "SELECT count(*) FROM subscription WHERE name = 'files' AND round_lease IS NOT NULL";
    eventually("the sweep is under way", async || {
        store.query_row(leased, [], |row| row.get::<_, i64>(0)).unwrap() == 1
    })
    .await;
    house.control("notifications", json!({"lose": 0.0})).await;
    house.change(&resources.list).await;
    eventually("it is announced", async || house.subscription("candidates").await["pending"] == true).await;
    house.quiet().await;
    gate.open();
    house.active("candidates").await;
    house
        .eventually("the sweep goes on", async || house.count_requests("GET", "/v1.0/drives").await > 5)
        .await;
    let asked = house.requests().await;
    let urls: Vec<&str> = asked.iter().filter_map(|one| one["url"].as_str()).collect();
    let list = urls.iter().position(|url| url.contains("/items/delta")).unwrap();
    let before = urls.iter().take(list).filter(|url| url.contains("/root/delta")).count();
    assert!((1..=2).contains(&before), "it waited for {before} pages: {urls:?}");
}
