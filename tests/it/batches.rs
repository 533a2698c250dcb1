//! Renewals together, each with a fate of its own; and tenants, each at its own pace.

use std::collections::HashSet;
use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};

use crate::house::House;
use crate::listener::eventually;
use crate::outage::gate::Gate;

const MINUTE: Duration = Duration::from_secs(60);
const DEAD: usize = 6;

/// Three that live for two hours, so that they are due together after eighty-one minutes.
async fn three() -> House {
    let entry = |name: &str| {
        format!(
            "[[subscription]]\nname = \"{name}\"\ntenant = \"contoso\"\nresource = \"{{{name}}}\"\nlifetime = \"2h\"\n"
        )
    };
    let house = House::start(&["list", "drive", "mail"].map(entry).concat()).await;
    for name in ["list", "drive", "mail"] {
        house.active(name).await;
    }
    house.quiet().await;
    house.forget_requests().await;
    house
}

async fn path_of(house: &House, name: &str) -> String {
    format!("/v1.0/subscriptions/{}", house.subscription(name).await["remote_id"].as_str().unwrap())
}

async fn renewed(house: &House, times: f64) {
    house
        .eventually("they are renewed", async || {
            house.metric("o365_renewals_total{result=\"renewed\"}").await > times - 0.5
        })
        .await;
}

/// The batches so far, by how many renewals each had.
async fn batches(house: &House) -> Vec<usize> {
    let all = house.requests().await.into_iter().filter(|one| one["url"] == "/v1.0/$batch");
    all.map(|one| one["body"]["requests"].as_array().unwrap().len()).collect()
}

fn minutes_left(house: &House, shown: &Value) -> i64 {
    let end: chrono::DateTime<chrono::Utc> = shown["expires_at"].as_str().unwrap().parse().unwrap();
    (end - house.now()).num_minutes()
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_five_renewals_that_are_due_together_take_three_requests() {
    let house = House::start("").await;
    let (mut names, mut seen) = (Vec::new(), HashSet::new());
    while names.len() < 45 {
        let name = format!("folder-{}", seen.len());
        let folder = json!({"displayName": name});
        let (status, made) = house.graph("POST", "/users/alice@contoso.com/mailFolders", &folder).await;
        assert_eq!(status, 201, "{made}");
        // Resources are compared without case, though ids of folders differ by it.
        let id = made["id"].as_str().unwrap();
        let first = !seen.iter().any(|other: &String| other.eq_ignore_ascii_case(id));
        seen.insert(id.to_owned());
        if first {
            let resource = format!("mail:alice@contoso.com/{id}");
            let body = json!({"name": name, "tenant": "contoso", "resource": resource});
            let (status, made) = house.call("POST", "/v1/subscriptions", Some(body)).await;
            assert_eq!(status, 201, "{made}");
            names.push(name);
        }
    }
    house.quiet().await;
    house.forget_requests().await;
    // 0.67 of the longest life of mail.
    house.advance(6_745 * MINUTE);
    renewed(&house, 45.0).await;
    let sizes = batches(&house).await;
    assert_eq!(sizes, [20, 20, 5]);
    assert_eq!(house.count_requests("PATCH", "/v1.0/subscriptions").await, 0);
    for name in names {
        let shown = house.subscription(&name).await;
        assert!(shown["state"] == "active" && minutes_left(&house, &shown) > 10_000, "{shown}");
    }
    house.advance(6_745 * MINUTE);
    renewed(&house, 90.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_is_throttled_waits_as_long_as_it_was_told_and_nobody_is_asked_meanwhile() {
    let house = three().await;
    let path = path_of(&house, "drive").await;
    house.control("faults", json!({"status": 429, "retry_after": 600, "path_prefix": path})).await;
    house.advance(81 * MINUTE);
    renewed(&house, 2.0).await;
    house
        .eventually("the refusal is shown", async || {
            house.subscription("drive").await["error"]["code"] == "TooManyRequests"
        })
        .await;
    assert_eq!(batches(&house).await, [3]);
    let closed = house.get("/v1/status").await["throttled"].clone();
    assert_eq!((&closed[0]["area"], closed.as_array().unwrap().len()), (&json!("subscriptions"), 1));
    for name in ["list", "mail"] {
        assert!(minutes_left(&house, &house.subscription(name).await) > 115);
    }

    house.advance(9 * MINUTE);
    house.quiet().await;
    assert_eq!(house.count_requests("PATCH", "/v1.0/subscriptions").await, 0, "the gate is closed");
    house.advance(3 * MINUTE);
    renewed(&house, 3.0).await;
    assert_eq!(house.count_requests("PATCH", &path).await, 1, "one alone needs no batch");
    assert_eq!(batches(&house).await, [3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_left_out_is_asked_again_and_one_without_a_body_is_read() {
    let house = three().await;
    let (lost, bare) = (path_of(&house, "drive").await, path_of(&house, "list").await);
    house.control("faults", json!({"break": "after", "path_prefix": lost})).await;
    house.control("faults", json!({"break": "truncated", "path_prefix": bare})).await;
    house.advance(81 * MINUTE);
    renewed(&house, 3.0).await;
    assert_eq!(batches(&house).await, [3]);
    let count = async |method, path: &str| house.count_requests(method, path).await;
    assert_eq!((count("PATCH", &lost).await, count("GET", &lost).await), (1, 0));
    assert_eq!((count("PATCH", &bare).await, count("GET", &bare).await), (0, 1));
    for name in ["list", "drive", "mail"] {
        let shown = house.subscription(name).await;
        assert!(shown["state"] == "active" && minutes_left(&house, &shown) > 115, "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_whose_token_is_refused_are_asked_once_more_with_another() {
    let house = three().await;
    for name in ["drive", "mail"] {
        house.control("faults", json!({"status": 401, "path_prefix": path_of(&house, name).await})).await;
    }
    house.advance(81 * MINUTE);
    renewed(&house, 3.0).await;
    assert_eq!(batches(&house).await, [3, 2]);
    assert!(house.metric("o365_renewals_total{result=\"failed\"}").await < 0.5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_refused_as_a_whole_is_refused_to_each() {
    let house = three().await;
    house.control("faults", json!({"status": 503, "path_prefix": "/v1.0/$batch"})).await;
    house.advance(81 * MINUTE);
    house
        .eventually("it has failed for each", async || {
            house.metric("o365_renewals_total{result=\"transient\"}").await > 2.5
        })
        .await;
    renewed(&house, 3.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_tenant_does_not_delay_another() {
    // Takes connections and never answers.
    let dead = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut house = House::start("").await;
    house.close().await;
    let tenant = house.tenant.tenant();
    let mut entries = format!(
        "[[tenant]]\nname = \"dead\"\ntenant_id = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\n\
         login_url = \"{}\"\ngraph_url = \"http://{}\"\n",
        tenant.tenant_id,
        tenant.client_id,
        tenant.client_secret,
        tenant.url,
        dead.local_addr().unwrap()
    );
    let dead_ones = (0..DEAD).map(|n| {
        format!("[[subscription]]\nname = \"dead-{n}\"\ntenant = \"dead\"\nresource = \"drive:{n}\"\n")
    });
    entries.extend(dead_ones);
    entries += "[[subscription]]\nname = \"files\"\ntenant = \"contoso\"\nresource = \"{drive}\"\n";
    house.configure(&entries, house.tenant.url());
    house.open().await;
    house.active("files").await;
    for n in 0..DEAD {
        let shown = house.subscription(&format!("dead-{n}")).await;
        assert_eq!(
            (&shown["state"], &shown["error"]),
            (&json!("creating"), &Value::Null),
            "nothing was answered"
        );
    }
    let (status, renewed) = house.call("POST", "/v1/subscriptions/files/renew", None).await;
    assert_eq!(status, 200, "{renewed}");
    house.crash().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn creations_that_hang_do_not_delay_the_renewals_of_their_tenant() {
    let short = |name: &str| {
        format!(
            "[[subscription]]\nname = \"{name}\"\ntenant = \"contoso\"\nresource = \"{{{name}}}\"\nlifetime = \"2h\"\n"
        )
    };
    let mut house = House::start(&short("drive")).await;
    house.active("drive").await;
    let shown = house.subscription("drive").await;
    let renew_at: chrono::DateTime<chrono::Utc> = shown["renew_at"].as_str().unwrap().parse().unwrap();
    house.close().await;
    house.advance((renew_at - house.now() - chrono::TimeDelta::seconds(5)).to_std().unwrap());

    let gate =
        Gate::to_some(house.tenant.url()["http://".len()..].parse().unwrap(), "POST /v1.0/subscriptions ")
            .await;
    gate.close();
    house.configure(&["drive", "list", "mail"].map(short).concat(), gate.url());
    house.open().await;
    eventually("both creations hang", async || gate.waiting() == 2).await;
    // Then time stands still, so that nothing is over because it took too long.
    house.advance(Duration::from_secs(6));
    eventually("what is held is renewed", async || {
        minutes_left(&house, &house.subscription("drive").await) > 115
    })
    .await;
    let given_up = house.metric("o365_renewals_total{result=\"transient\"}").await;
    assert!(given_up < 0.5 && gate.waiting() == 2, "the creations still hang");

    gate.open();
    for name in ["list", "mail"] {
        house.active(name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_renewal_finds_gone_and_what_has_run_out_is_made_anew() {
    let mut house = three().await;
    let before = house.subscription("mail").await["remote_id"].clone();
    house.control(&format!("subscriptions/{}/expire", before.as_str().unwrap()), json!({})).await;
    house.advance(81 * MINUTE);
    renewed(&house, 2.0).await;
    house.active("mail").await;
    let mail = house.subscription("mail").await;
    assert!(mail["remote_id"] != before && minutes_left(&house, &mail) > 115, "{mail}");

    house.close().await;
    house.advance(180 * MINUTE);
    house.open().await;
    for name in ["list", "drive", "mail"] {
        house
            .eventually("it is held again", async || {
                let shown = house.subscription(name).await;
                shown["state"] == "active" && minutes_left(&house, &shown) > 100
            })
            .await;
    }
    assert_eq!(house.remote().await.len(), 3);
}
