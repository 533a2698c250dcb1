//! Several tenants in one listener: what befalls one is no matter of the others.

use o365_listener::simulator;
use serde_json::json;

use crate::house::House;
use crate::outage::gate::Gate;

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_hangs_leaves_places_for_the_others() {
    let mut house = House::start("[fetch]\nconcurrency = 4\n").await;
    house.close().await;
    let options = simulator::Options {
        listen: ([127, 0, 0, 1], 0).into(),
        clock: house.clock.clone(),
        seed: 1,
        ..simulator::Options::default()
    };
    let hanging = simulator::start(options).await.unwrap();
    let gate = Gate::to(hanging.url().trim_start_matches("http://").parse().unwrap()).await;
    let tenant = hanging.tenant().clone();
    let mut entries = format!(
        "[[tenant]]\nname = \"fabrikam\"\ntenant_id = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\n\
         login_url = \"{way}\"\ngraph_url = \"{way}\"\n",
        tenant.tenant_id,
        tenant.client_id,
        tenant.client_secret,
        way = gate.url(),
    );
    let folders = ["inbox", "drafts", "sentitems", "archive", "deleteditems", "junkemail"];
    let followed = folders.map(|folder| {
        let user = &tenant.user;
        format!(
            "[[subscription]]\nname = \"{folder}\"\ntenant = \"fabrikam\"\nresource = \"mail:{user}/{folder}\"\n"
        )
    });
    entries.push_str(&followed.concat());
    entries.push_str("[[subscription]]\nname = \"files\"\ntenant = \"contoso\"\nresource = \"{drive}\"\n");
    house.configure(&format!("{entries}[fetch]\nconcurrency = 4\n"), house.tenant.url());
    house.open().await;
    for name in folders.iter().chain(&["files"]) {
        house.active(name).await;
    }

    gate.close();
    let fetches = folders.map(|name| format!("/v1/subscriptions/{name}/fetch"));
    let asked = futures_util::future::join_all(fetches.iter().map(|path| house.call("POST", path, None)));
    let told = async {
        // They are under way by now, and so many that they would take all places.
        house.quiet().await;
        house.change(&house.tenant.tenant().resources.drive).await;
        house.eventually("the change is told", async || house.events().await.len() == 1).await;
    };
    tokio::select! {
        () = told => {}
        _ = asked => panic!("they were not under way any more"),
    }
    let status = house.get("/v1/status").await;
    assert_eq!(status["subscriptions"]["by_state"]["active"], json!(7), "{status:#}");
    house.crash().await;
}
