//! Several tenants in one listener: what befalls one is no matter of the others.

use o365_listener::simulator::{self, Simulator};
use serde_json::json;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::house::House;

/// A way to a tenant that can be frozen: connections stay open, and nothing comes through any more.
struct Way {
    url: String,
    frozen: watch::Sender<bool>,
}

impl Way {
    async fn to(tenant: &Simulator) -> Self {
        let target = tenant.url().trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (frozen, state) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (target, mut state) = (target.clone(), state.clone());
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(target).await.unwrap();
                    let freezes = async {
                        let _ = state.wait_for(|frozen| *frozen).await;
                    };
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        () = freezes => std::future::pending().await,
                    }
                });
            }
        });
        Self { url, frozen }
    }
}

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
    let (way, tenant) = (Way::to(&hanging).await, hanging.tenant().clone());
    let mut entries = format!(
        "[[tenant]]\nname = \"fabrikam\"\ntenant_id = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\n\
         login_url = \"{way}\"\ngraph_url = \"{way}\"\n",
        tenant.tenant_id,
        tenant.client_id,
        tenant.client_secret,
        way = way.url
    );
    let folders = ["inbox", "drafts", "sentitems", "archive", "deleteditems", "junkemail"];
    for folder in folders {
        entries.push_str(&format!(
            "[[subscription]]\nname = \"{folder}\"\ntenant = \"fabrikam\"\nresource = \"mail:{}/{folder}\"\n",
            tenant.user
        ));
    }
    entries.push_str("[[subscription]]\nname = \"files\"\ntenant = \"contoso\"\nresource = \"{drive}\"\n");
    house.configure(&format!("{entries}[fetch]\nconcurrency = 4\n"), house.tenant.url());
    house.open().await;
    for name in folders.iter().chain(&["files"]) {
        house.active(name).await;
    }

    way.frozen.send_replace(true);
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
