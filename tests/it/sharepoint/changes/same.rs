//! Two subscriptions to one list tell the same, whichever way they are followed, and when one of them goes over to another.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Colleague, brief, configure, fetch, following};
use crate::house::House;
use crate::listener::random_seed;
use crate::sharepoint::Sites;

const STEPS: u32 = 200;
const LIBRARY: &str = "list:https://contoso.sharepoint.com/sites/hr/Shared Documents";
const LIST: &str = "{list}";

#[tokio::test(flavor = "multi_thread")]
async fn a_list_tells_the_same_over_both_ways_with_a_fixed_seed() {
    both_ways_tell_the_same((LIST, "Candidates"), 17).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_tells_the_same_over_both_ways_with_a_random_seed() {
    both_ways_tell_the_same((LIST, "Candidates"), random_seed()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_tells_the_same_over_both_ways_with_a_random_seed() {
    both_ways_tell_the_same((LIBRARY, "Documents"), random_seed()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_whose_files_go_into_folders_that_go_tells_the_same_over_both_ways() {
    both_ways_tell_the_same((LIBRARY, "Documents"), 7).await;
}

/// One subscription stays with Graph. The other is followed over SharePoint, and now and then goes over to Graph and back.
async fn both_ways_tell_the_same((resource, title): (&str, &str), seed: u64) {
    let starts = ["now", "baseline", "beginning"];
    let start = starts[usize::try_from(seed % 3).unwrap()];
    let house = House::start_seeded("", seed).await;
    let mut work = Work {
        title,
        seed,
        bin: Vec::new(),
        via: "sharepoint",
        start,
        resource,
        after: "0".repeat(20),
        compared: 0,
    };
    let entries = work.entries(&house);
    let house = Sites::start_of(house, &entries).await.house;
    house.active("over-graph").await;
    house.active("over-sharepoint").await;
    house.control("notifications", json!({"lose": 1.0})).await;
    house.control("conflicts", json!({"none": true})).await;
    // What lies in a folder that was there before and was never told, its own row does not say.
    house.control("folder-rows", json!({"each": start == "now" || seed & 8 != 0})).await;
    house.quiet().await;
    work.compare(&house, "after the first round").await;
    let colleague = Colleague::of(&house).await;
    for step in 0..STEPS {
        if work.chance(step, 23) == 7 {
            work.goes_over(&house, &colleague, step).await;
        }
        if title == "Documents" && work.chance(step, 13) < 2 {
            work.carry(&house, step).await;
            // Of what comes and goes with a folder between two looks, a row of the folder alone says nothing.
            work.look(&house, &format!("after carrying at step {step}")).await;
        }
        work.step(&house, &colleague, step).await;
        // Sometimes several changes are found at once. Time passes only then: another look that is due in the middle of them
        // would have one of the two tell what the other never sees.
        if work.chance(step, 3) != 0 || step + 1 == STEPS {
            house.advance(Duration::from_secs(if work.chance(step, 5) == 0 { 60 } else { 3 }));
            work.look(&house, &format!("after step {step}")).await;
        }
    }
    assert!(work.compared > 50, "hardly anything happened: {}", work.compared);
}

/// What people do in the list, and what was told of it.
struct Work<'a> {
    resource: &'a str,
    title: &'a str,
    seed: u64,
    start: &'a str,
    /// How that which goes over is followed just now.
    via: &'a str,
    /// What can be restored.
    bin: Vec<String>,
    /// Up to where the log was compared, and how many events of each.
    after: String,
    compared: usize,
}

impl Work<'_> {
    /// A number below `below`, always the same for the same seed and step.
    fn chance(&self, step: u32, below: u64) -> u64 {
        let mixed = (self.seed ^ u64::from(step).wrapping_mul(0x9E37_79B9_7F4A_7C15))
            .wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed >> 33) % below
    }

    /// Two of one tenant may not follow the same list the same way, but those of two may, with an app registration each.
    fn entries(&self, house: &House) -> String {
        let tenant = house.tenant.tenant();
        let other = following("over-graph", "graph", self.resource, self.start);
        format!(
            "{}{}[[tenant]]\nname = \"another\"\ntenant_id = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\n\
             login_url = \"{url}\"\ngraph_url = \"{url}\"\n",
            following("over-sharepoint", self.via, self.resource, self.start),
            other.replace("\"contoso\"", "\"another\""),
            tenant.tenant_id,
            tenant.client_id,
            tenant.client_secret,
            url = tenant.url,
        )
    }

    /// Something happens that nobody has looked for yet; then somebody writes the other way into the configuration, and has
    /// it applied.
    async fn goes_over(&mut self, house: &House, colleague: &Colleague<'_>, step: u32) {
        self.look(house, &format!("before going over at step {step}")).await;
        self.step(house, colleague, STEPS + step).await;
        self.via = if self.via == "graph" { "sharepoint" } else { "graph" };
        configure(house, &self.entries(house));
        let (status, applied) = house.call("POST", "/v1/apply", None).await;
        assert_eq!(status, 200, "{applied:#}");
        let shown = house.subscription("over-sharepoint").await;
        assert_eq!((&shown["via"], &shown["error"]), (&json!(self.via), &json!(null)), "{applied:#}");
        self.look(house, &format!("after going over at step {step}")).await;
    }

    async fn look(&mut self, house: &House, when: &str) {
        fetched(house, "over-graph").await;
        fetched(house, "over-sharepoint").await;
        self.compare(house, when).await;
    }

    /// Compares what both have told since.
    async fn compare(&mut self, house: &House, when: &str) {
        let mut told = Vec::new();
        loop {
            let mut page = house.get(&format!("/v1/events?limit=1000&after={}", self.after)).await;
            told.append(page["events"].as_array_mut().unwrap());
            let next = page["next"].as_str().unwrap().to_owned();
            if next == self.after {
                break;
            }
            self.after = next;
        }
        let (graph, sharepoint): (Vec<_>, Vec<_>) =
            told.into_iter().partition(|event| event["subscription"] == "over-graph");
        let ((brief, graph), (other, sharepoint)) = (sorted(graph), sorted(sharepoint));
        assert_eq!(brief, other, "{when}, seed {}", self.seed);
        for (one, other) in graph.iter().zip(&sharepoint) {
            assert_eq!(one, other, "{when}, seed {}", self.seed);
        }
        self.compared += graph.len();
    }

    /// Deletes one of the items, or of the folders, if there is any.
    async fn recycle(&mut self, colleague: &Colleague<'_>, step: u32, list: &str, folders: bool) {
        let page = format!("{list}/items?$top=5000&$select=Id,FileSystemObjectType");
        let page = colleague.send("GET", &page, None).await;
        let mut there = page["value"].as_array().unwrap().clone();
        there.retain(|item| item["FileSystemObjectType"] == 1 || !folders);
        let at = usize::try_from(self.chance(step, 97)).unwrap() % there.len().max(1);
        if let Some(item) = there.get(at) {
            let bin = colleague.recycle(list, &item["Id"].to_string()).await;
            self.bin.push(bin);
        }
    }

    /// Copies an item into a folder, or moves it into another library or back from there, where nothing stands in the way.
    async fn carry(&self, house: &House, step: u32) {
        let onedrive = house.tenant.tenant().resources.drive.as_str();
        let (id, folder) = (1 + self.chance(step, 41), self.chance(step, 37));
        let (how, from, to, folder) = match self.chance(step, 7) {
            0..4 => ("copy", self.resource, self.resource, folder),
            4..6 => ("move", self.resource, onedrive, 0),
            _ => ("move", onedrive, self.resource, 0),
        };
        let wanted = json!({"resource": from, "id": id, "to": to, "folder": folder, "how": how});
        house.try_control("carry", wanted).await;
    }

    fn address(&self, house: &House) -> String {
        self.resource.replace(LIST, &house.tenant.tenant().resources.list)
    }

    async fn changes(&self, house: &House, step: u32, count: u32) {
        let seed = self.seed.wrapping_add(u64::from(step));
        let wanted = json!({"count": count, "seed": seed, "resource": self.address(house)});
        house.control("changes", wanted).await;
    }

    async fn step(&mut self, house: &House, colleague: &Colleague<'_>, step: u32) {
        let list = format!("web/lists/getbytitle('{}')", self.title);
        match self.chance(step, 12) {
            0 => self.recycle(colleague, step, &list, false).await,
            4 => {
                // Some of that may be about what lies in the folder, or goes into it before it goes.
                self.changes(house, step, 4).await;
                self.recycle(colleague, step, &list, true).await;
            }
            1 | 2 => {
                if let Some(bin) = self.bin.pop() {
                    colleague.try_restore(&bin).await;
                }
            }
            3 => {
                house.control("replay", json!({"resource": self.address(house)})).await;
            }
            _ => self.changes(house, step, 1).await,
        }
    }
}

/// Fetches, and once more where a machine that has much to do has closed a connection meanwhile.
async fn fetched(house: &House, name: &str) {
    let (status, answer) = house.call("POST", &format!("/v1/subscriptions/{name}/fetch"), None).await;
    if status != 200 {
        assert_eq!(answer["error"]["code"], "unreachable", "{answer:#}");
        fetch(house, name).await;
    }
}

/// In which order the items of a folder are told that goes or comes, means nothing.
fn sorted(mut events: Vec<Value>) -> (Vec<String>, Vec<Value>) {
    events.sort_by_cached_key(|event| brief(std::slice::from_ref(event)));
    (brief(&events), events.iter().map(essence).collect())
}

/// An event without what names the subscription, and without the columns that SharePoint's service does not show.
fn essence(event: &Value) -> Value {
    let mut event = event.clone();
    let object = event.as_object_mut().unwrap();
    for own in ["id", "source", "sequence", "subscription", "tenant"] {
        object.remove(own);
    }
    if let Some(fields) = event.pointer_mut("/data/resource/fields").and_then(Value::as_object_mut) {
        for shown_by_graph in ["Edit", "ItemChildCount", "FolderChildCount", "FileSizeDisplay"] {
            fields.remove(shown_by_graph);
        }
    }
    event
}
