//! What is wished, by the configuration and through the API, and made to agree.

use serde_json::{Value, json};

use super::{LIST, Sites};
use crate::house::House;

const OVER_GRAPH: &str = "[[subscription]]\nname = \"list\"\ntenant = \"contoso\"\nresource = \"{list}\"\n";

impl Sites {
    async fn planned(&self) -> Vec<(String, String)> {
        brief(&self.house.get("/v1/plan").await)
    }

    async fn applied(&self) -> Vec<(String, String)> {
        let (status, answer) = self.house.call("POST", "/v1/apply", None).await;
        assert_eq!(status, 200, "{answer:#}");
        let changes = answer["changes"].as_array().unwrap();
        assert!(changes.iter().all(|change| change["result"] == "done"), "{answer:#}");
        brief(&answer)
    }
}

/// Action and name or id of each change.
fn brief(plan: &Value) -> Vec<(String, String)> {
    let changes = plan["changes"].as_array().unwrap_or_else(|| panic!("{plan:#}")).iter();
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    changes.map(|change| (text(&change["action"]), text(&change["subscription"]))).collect()
}

fn change(action: &str) -> Vec<(String, String)> {
    vec![(action.to_owned(), "list".to_owned())]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_asks_for_what_no_list_shows_and_apply_makes_it_agree() {
    let mut sites = Sites::start(LIST).await;
    sites.followed().await;
    let plan = sites.house.get("/v1/plan").await;
    assert_eq!(plan, json!({"changes": [], "left_alone": [], "unchanged": 1, "not_listed": []}));

    let lost = sites.webhook().await;
    sites.house.control(&format!("subscriptions/{}/remove", lost["id"].as_str().unwrap()), json!({})).await;
    assert_eq!(sites.planned().await, change("recreate"));
    assert_eq!(sites.webhooks().await, [] as [Value; 0], "a plan changes nothing");
    assert_eq!(sites.applied().await, change("recreate"));
    assert_ne!(sites.webhook().await["id"], lost["id"]);
    sites.change_arrives().await;

    sites.configure("");
    assert_eq!(sites.applied().await, change("delete"));
    assert_eq!(sites.webhooks().await, [] as [Value; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_looked_at_is_left_alone_and_told() {
    let sites = Sites::start(LIST).await;
    sites.followed().await;
    let unwell = json!({"status": 503, "path_prefix": "/sites/hr/_api", "count": 1});
    sites.house.control("faults", unwell).await;
    let plan = sites.house.get("/v1/plan").await;
    assert_eq!((&plan["changes"], &plan["unchanged"]), (&json!([]), &json!(1)), "{plan:#}");
    assert_eq!(plan["not_listed"][0]["tenant"], "contoso");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_way_takes_effect_when_applied_and_keeps_what_is_known() {
    let mut sites = Sites::start(&format!("{OVER_GRAPH}start = \"baseline\"\n")).await;
    sites.followed().await;
    assert_eq!((sites.house.remote().await.len(), sites.webhooks().await.len()), (1, 0));
    sites.change_arrives().await;
    let told = sites.house.events().await.len();

    sites.configure(&format!("{LIST}start = \"baseline\"\n"));
    assert_eq!(sites.applied().await, change("update"));
    sites.followed().await;
    assert_eq!((sites.house.remote().await.len(), sites.webhooks().await.len()), (0, 1));
    let shown = sites.house.subscription("list").await;
    assert_eq!((&shown["via"], &shown["remote_id"]), (&json!("sharepoint"), &sites.webhook().await["id"]));
    sites.house.quiet().await;
    assert_eq!(sites.house.events().await.len(), told, "nothing is told twice");
    sites.change_arrives().await;
    assert_eq!(sites.planned().await, []);

    // And back.
    let told = sites.house.events().await.len();
    sites.configure(&format!("{OVER_GRAPH}start = \"baseline\"\n"));
    assert_eq!(sites.applied().await, change("update"));
    sites.followed().await;
    assert_eq!((sites.house.remote().await.len(), sites.webhooks().await.len()), (1, 0));
    sites.house.quiet().await;
    assert_eq!(sites.house.events().await.len(), told, "nothing is told twice");
    sites.change_arrives().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_other_way_is_refused_the_list_is_followed_on_as_before() {
    let mut sites = Sites::start(OVER_GRAPH).await;
    sites.followed().await;
    let held = sites.house.remote().await;
    sites.house.control("roles", json!({"sharepoint": ["Sites.Read.All"]})).await;
    sites.configure(LIST);
    let (_, answer) = sites.house.call("POST", "/v1/apply", None).await;
    assert_eq!(answer["changes"][0]["result"], "failed", "{answer:#}");
    let shown = sites.house.subscription("list").await;
    assert!(shown["error"]["message"].as_str().unwrap().contains("Sites.Manage.All"), "{shown:#}");
    assert_eq!(sites.house.remote().await, held);
    sites.change_arrives().await;

    sites.house.control("roles", json!({"sharepoint": ["Sites.Manage.All"]})).await;
    let (status, renewed) = sites.house.call("POST", "/v1/subscriptions/list/renew", None).await;
    assert_eq!((status, &renewed["via"]), (200, &json!("sharepoint")), "{renewed:#}");
    assert_eq!((sites.house.remote().await.len(), sites.webhooks().await.len()), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_other_way_is_refused_what_is_held_is_renewed_in_time() {
    let mut sites = Sites::start(OVER_GRAPH).await;
    sites.followed().await;
    let held = sites.house.remote().await;
    sites.house.control("roles", json!({"sharepoint": ["Sites.Read.All"]})).await;
    sites.configure(LIST);
    sites.house.call("POST", "/v1/apply", None).await;
    // Graph lets a list be followed for thirty days.
    for _ in 0..40 {
        sites.house.advance(std::time::Duration::from_secs(86_400));
        sites.house.quiet().await;
    }
    let still = sites.house.remote().await;
    assert_eq!((still.len(), &still[0]["id"]), (1, &held[0]["id"]));
    assert_ne!(still[0]["expirationDateTime"], held[0]["expirationDateTime"]);
    sites.change_arrives().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_announced_changes_before_is_deleted_before_another_way_is_gone() {
    let mut sites = Sites::start(LIST).await;
    sites.followed().await;
    let unwell = json!({"status": 503, "method": "DELETE", "path_prefix": "/sites/hr/_api", "count": 1});
    sites.house.control("faults", unwell).await;
    sites.configure(OVER_GRAPH);
    sites.house.call("POST", "/v1/apply", None).await;
    sites
        .house
        .eventually("SharePoint's webhook is gone", async || {
            sites.house.advance(std::time::Duration::from_secs(60));
            sites.webhooks().await.is_empty() && sites.house.subscription("list").await["via"] == "graph"
        })
        .await;
    assert_eq!(sites.house.remote().await.len(), 1);
    sites.change_arrives().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_list_is_followed_once_each_way_and_not_twice_the_same() {
    let sites = Sites::start(LIST).await;
    sites.followed().await;
    let add = async |name: &str, via: &str, resource: &str| {
        let wish = json!({"name": name, "tenant": "contoso", "resource": resource, "via": via});
        sites.house.call("POST", "/v1/subscriptions", Some(wish)).await
    };
    let list = sites.house.tenant.tenant().resources.list.clone();
    let (status, problem) = add("twice", "sharepoint", &format!("{list}/AllItems.aspx")).await;
    assert_eq!((status, &problem["subscription"]), (409, &json!("list")), "{problem:#}");
    assert_eq!(add("over-graph", "graph", &list).await.0, 201);

    // By ids, and a library; a drive is something else.
    let (_, site) = sites.house.graph("GET", "/sites/contoso.sharepoint.com:/sites/hr", &Value::Null).await;
    let site = site["id"].as_str().unwrap();
    let (status, problem) = add("by-ids", "sharepoint", &format!("list:{site}/Candidates")).await;
    assert_eq!((status, &problem["subscription"]), (409, &json!("list")), "{problem:#}");
    let library = "list:https://contoso.sharepoint.com/sites/hr/Shared Documents/Forms/AllItems.aspx";
    let (status, made) = add("library", "sharepoint", library).await;
    assert_eq!(status, 201, "{made:#}");
    let (status, problem) = add("drive", "sharepoint", "onedrive:alice@contoso.com").await;
    assert_eq!(status, 400, "{problem:#}");
    assert!(problem["detail"].as_str().unwrap().contains("list: addresses only"), "{problem:#}");
    for nowhere in ["sites/hr/Lists/Nothing", "sites/nowhere/Lists/Candidates"] {
        let address = format!("list:https://contoso.sharepoint.com/{nowhere}");
        assert_eq!(add("nowhere", "sharepoint", &address).await.0, 404, "{nowhere}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_with_a_secret_is_told_before_anything_is_asked() {
    let house = House::start("").await;
    house.forget_requests().await;
    let list = house.tenant.tenant().resources.list.clone();
    let wish = json!({"name": "list", "tenant": "contoso", "resource": list, "via": "sharepoint"});
    let (status, problem) = house.call("POST", "/v1/subscriptions", Some(wish)).await;
    assert_eq!(status, 400);
    assert!(
        problem["detail"].as_str().unwrap().contains("refuses an app that signs in with a client secret")
    );
    assert_eq!(house.count_requests("GET", "/sites").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_of_another_cloud_is_refused_before_anybody_is_asked() {
    let mut sites = Sites::start("").await;
    sites.house.close().await;
    let url = format!("sharepoint_url = \"{}\"\n", sites.house.tenant.url());
    sites.house.rewrite(|text| text.replace(&url, "cloud = \"us-gov\"\n"));
    sites.house.open().await;
    sites.house.forget_requests().await;
    for list in
        ["list:https://contoso.sharepoint.com/sites/hr/Lists/Candidates", "list:contoso.sharepoint.cn,a,b/c"]
    {
        let wish = json!({"name": "list", "tenant": "contoso", "resource": list, "via": "sharepoint"});
        let (status, problem) = sites.house.call("POST", "/v1/subscriptions", Some(wish)).await;
        let said = problem["detail"].as_str().unwrap();
        assert!(status == 400 && said.contains("whose sites are at *.sharepoint.us"), "{problem:#}");
    }
    assert_eq!(sites.house.count_requests("GET", "/sites").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_stand_in_advises_for_its_printed_configuration_follows_the_list_over_sharepoint() {
    let mut house = House::start("").await;
    house.close().await;
    let tenant = house.tenant.tenant().clone();
    let printed = o365_listener::simulator::print_config(&tenant);
    let tenants = printed.split("#[[sink]]").next().unwrap_or_default();
    let advised: Vec<&str> = tenants.lines().filter_map(|line| line.strip_prefix('#')).collect();
    let advised: Vec<&str> =
        advised.into_iter().filter(|line| line.contains(" = ") && !line.starts_with(' ')).collect();
    assert_eq!(advised.len(), 2, "{printed}");
    house.configure(LIST, &tenant.url);
    let secret = format!("client_secret = \"{}\"", tenant.client_secret);
    let instead = format!("{}\nsharepoint_url = \"{}\"", advised.join("\n"), tenant.url);
    house.rewrite(|written| written.replace(&secret, &instead));
    house.open().await;
    house.active("list").await;
}
