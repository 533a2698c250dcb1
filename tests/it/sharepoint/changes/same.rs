//! Two subscriptions to one list, one over Graph and one over SharePoint, tell the same.

use serde_json::{Value, json};

use super::{Colleague, brief, fetch, following, seeded};
use crate::house::House;
use crate::listener::random_seed;

const STEPS: u32 = 200;
const LIBRARY: &str = "list:https://contoso.sharepoint.com/sites/hr/Shared Documents";

#[tokio::test(flavor = "multi_thread")]
async fn a_list_tells_the_same_over_both_ways_with_a_fixed_seed() {
    both_ways_tell_the_same(("{list}", "Candidates"), 17, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_tells_the_same_over_both_ways_with_a_random_seed() {
    both_ways_tell_the_same(("{list}", "Candidates"), random_seed(), false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_tells_the_same_over_both_ways_with_a_random_seed() {
    both_ways_tell_the_same((LIBRARY, "Documents"), random_seed(), false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_whose_folders_come_and_go_tells_the_same_over_both_ways() {
    both_ways_tell_the_same((LIBRARY, "Documents"), 7, true).await;
}

/// `folders`: whether whole folders are deleted and restored, too.
async fn both_ways_tell_the_same((resource, title): (&str, &str), seed: u64, folders: bool) {
    let starts = ["now", "baseline", "beginning"];
    let start = starts[usize::try_from(seed % 3).unwrap()];
    let entries = [
        following("over-graph", "graph", resource, start),
        following("over-sharepoint", "sharepoint", resource, start),
    ];
    let house = seeded(&entries.concat(), seed).await;
    house.active("over-graph").await;
    house.active("over-sharepoint").await;
    house.control("notifications", json!({"lose": 1.0})).await;
    house.quiet().await;
    let address = match resource {
        "{list}" => house.tenant.tenant().resources.list.clone(),
        other => other.to_owned(),
    };
    let mut work = Work {
        house: &house,
        colleague: Colleague::of(&house).await,
        address,
        title,
        seed,
        folders,
        bin: Vec::new(),
    };
    let mut compared = compare(&house, 0, "after the first round").await;
    for step in 0..STEPS {
        work.step(step).await;
        // Sometimes several changes are found at once. Time passes only then: another look that is due in the middle of them
        // would have one of the two tell what the other never sees.
        if work.chance(step, 3) != 0 || step + 1 == STEPS {
            house.advance(std::time::Duration::from_secs(3));
            fetch(&house, "over-graph").await;
            fetch(&house, "over-sharepoint").await;
            compared = compare(&house, compared, &format!("after step {step}, seed {seed}")).await;
        }
    }
    assert!(compared > 50, "hardly anything happened: {compared}");
}

/// What people do in the list.
struct Work<'a> {
    house: &'a House,
    colleague: Colleague<'a>,
    address: String,
    title: &'a str,
    seed: u64,
    folders: bool,
    /// What can be restored.
    bin: Vec<String>,
}

impl Work<'_> {
    /// A number below `below`, always the same for the same seed and step.
    fn chance(&self, step: u32, below: u64) -> u64 {
        let mixed = (self.seed ^ u64::from(step).wrapping_mul(0x9E37_79B9_7F4A_7C15))
            .wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed >> 33) % below
    }

    /// Deletes one of the items, or of the folders, if there is any.
    async fn recycle(&mut self, step: u32, list: &str, folders: bool) {
        let page = format!("{list}/items?$top=5000&$select=Id,FileSystemObjectType");
        let page = self.colleague.send("GET", &page, None).await;
        let mut there = page["value"].as_array().unwrap().clone();
        let meant = |is_folder: bool| if is_folder { self.folders } else { !folders };
        there.retain(|item| meant(item["FileSystemObjectType"] == 1));
        let at = usize::try_from(self.chance(step, 97)).unwrap() % there.len().max(1);
        if let Some(item) = there.get(at) {
            let bin = self.colleague.recycle(list, &item["Id"].to_string()).await;
            self.bin.push(bin);
        }
    }

    async fn step(&mut self, step: u32) {
        let list = format!("web/lists/getbytitle('{}')", self.title);
        match self.chance(step, 12) {
            0 => self.recycle(step, &list, false).await,
            4 if self.folders => self.recycle(step, &list, true).await,
            1 | 2 => {
                if let Some(bin) = self.bin.pop() {
                    self.colleague.try_restore(&bin).await;
                }
            }
            3 => {
                self.house.control("replay", json!({"resource": self.address})).await;
            }
            _ => {
                let seed = self.seed.wrapping_add(u64::from(step));
                let wanted = json!({"count": 1, "seed": seed, "resource": self.address});
                self.house.control("changes", wanted).await;
            }
        }
    }
}

/// Compares what both have told beyond what was compared before.
async fn compare(house: &House, compared: usize, when: &str) -> usize {
    let over = async |name: &str| {
        let (mut events, mut after) = (Vec::new(), "00000000000000000000".to_owned());
        loop {
            let page = house.get(&format!("/v1/events?limit=1000&after={after}&subscription={name}")).await;
            events.extend(page["events"].as_array().unwrap().iter().map(essence));
            let next = page["next"].as_str().unwrap().to_owned();
            if next == after {
                return events;
            }
            after = next;
        }
    };
    let (graph, sharepoint) = (over("over-graph").await, over("over-sharepoint").await);
    // In which order the items of a folder are told that goes or comes, means nothing.
    let sorted = |mut events: Vec<Value>| {
        let new = events.split_off(compared.min(events.len()));
        let mut new: Vec<(String, Value)> =
            new.into_iter().map(|event| (brief(std::slice::from_ref(&event)).concat(), event)).collect();
        new.sort_by(|(one, _), (other, _)| one.cmp(other));
        events.extend(new.into_iter().map(|(_, event)| event));
        events
    };
    let (graph, sharepoint) = (sorted(graph), sorted(sharepoint));
    let new = |events: &[Value]| brief(events.get(compared..).unwrap_or_default());
    assert_eq!(new(&graph), new(&sharepoint), "{when}");
    for (at, (one, other)) in graph.iter().zip(&sharepoint).enumerate().skip(compared) {
        assert_eq!(one, other, "event {at}, {when}");
    }
    graph.len()
}

/// An event without what names the subscription, and without the columns that SharePoint's service does not show.
fn essence(event: &Value) -> Value {
    let mut event = event.clone();
    let object = event.as_object_mut().unwrap();
    for own in ["id", "source", "sequence", "subscription"] {
        object.remove(own);
    }
    if let Some(fields) = event.pointer_mut("/data/resource/fields").and_then(Value::as_object_mut) {
        for shown_by_graph in ["Edit", "ItemChildCount", "FolderChildCount", "FileSizeDisplay"] {
            fields.remove(shown_by_graph);
        }
    }
    event
}
