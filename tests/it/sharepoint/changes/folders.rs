//! Folders that are deleted and come back, with what lies in them: the change log may name each item, or the folder alone.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Colleague, brief, fetch, following, house, told};
use crate::house::House;

const LIBRARY: &str = "list:https://contoso.sharepoint.com/sites/hr/Shared Documents";
pub(super) const DOCUMENTS: &str = "web/lists/getbytitle('Documents')";

/// A library that is followed, and in which people work over Graph.
pub(super) struct Library {
    pub house: House,
    drive: String,
    pub seen: usize,
}

impl Library {
    pub async fn followed(start: &str, each: bool) -> Self {
        let house = house(&following("it", "sharepoint", LIBRARY, start)).await;
        house.active("it").await;
        house.control("notifications", json!({"lose": 1.0})).await;
        house.control("folder-rows", json!({"each": each})).await;
        let site = house.graph("GET", "/sites/contoso.sharepoint.com:/sites/hr", &json!(null)).await.1;
        let drive = format!("/sites/{}/drive", site["id"].as_str().unwrap());
        Self { house, drive, seen: 0 }
    }

    /// Makes a folder, and answers with its id in the drive.
    pub async fn folder(&self, parent: &str, name: &str) -> String {
        let path = format!("{}/items/{parent}/children", self.drive);
        let (status, made) = self.house.graph("POST", &path, &json!({"name": name, "folder": {}})).await;
        assert_eq!(status, 201, "{made:#}");
        made["id"].as_str().unwrap().to_owned()
    }

    /// Makes a folder with a file, and with a folder in it that has one too. Answers with its number: the others follow.
    async fn tree(&self) -> u64 {
        let outer = self.folder("root", "Outer").await;
        let inner = self.folder(&outer, "Inner").await;
        self.file(&outer, "one.txt").await;
        self.file(&inner, "two.txt").await;
        self.number(&outer).await.parse().unwrap()
    }

    /// Copies something, or moves it into another library. Answers with its number there.
    async fn carry(&self, how: &str, (from, id): (&str, u64), (to, folder): (&str, u64)) -> u64 {
        let wanted = json!({"resource": from, "id": id, "to": to, "folder": folder, "how": how});
        self.house.control("carry", wanted).await["id"].as_str().unwrap().parse().unwrap()
    }

    /// A file, made or edited.
    pub async fn file(&self, folder: &str, name: &str) {
        let path = format!("{}/items/{folder}:/{name}:/content", self.drive);
        let (status, made) = self.house.graph("PUT", &path, &json!({"text": name})).await;
        assert!([200, 201].contains(&status), "{made:#}");
    }

    /// The number of the item in the list.
    pub async fn number(&self, id: &str) -> String {
        let item = self.house.graph("GET", &format!("{}/items/{id}", self.drive), &json!(null)).await.1;
        let name = item["name"].clone();
        let colleague = Colleague::of(&self.house).await;
        let there = format!("{DOCUMENTS}/items?$select=Id,FileLeafRef");
        let there = colleague.send("GET", &there, None).await;
        let found = there["value"].as_array().unwrap().iter().find(|one| one["FileLeafRef"] == name);
        found.unwrap()["Id"].to_string()
    }

    /// What addresses of the list begin with.
    pub async fn list(&self) -> String {
        let requests = self.house.requests().await;
        let mut urls = requests.iter().filter_map(|one| one["url"].as_str());
        urls.find_map(|url| url.strip_suffix("getchanges")).unwrap().to_owned()
    }

    /// How often it was begun to read everything.
    pub async fn readings(&self) -> usize {
        let all = format!("{}items?", self.list().await);
        let requests = self.house.requests().await;
        let urls = requests.iter().filter_map(|one| one["url"].as_str());
        urls.filter(|url| url.starts_with(&all) && !url.contains("skiptoken")).count()
    }

    /// What has been told since, sorted.
    pub async fn news(&mut self) -> Vec<String> {
        fetch(&self.house, "it").await;
        let events: Vec<Value> = told(&self.house, "it").await.split_off(self.seen);
        self.seen += events.len();
        let mut brief = brief(&events);
        brief.sort();
        brief
    }
}

/// Each number with a word before it.
fn all(word: &str, numbers: &[u64]) -> Vec<String> {
    let mut all: Vec<String> = numbers.iter().map(|number| format!("{word} {number}")).collect();
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_in_a_folder_goes_and_comes_back_with_it() {
    for each in [false, true] {
        let mut library = Library::followed("now", each).await;
        let outer = library.tree().await;
        let numbers: Vec<u64> = (outer..outer + 4).collect();
        assert_eq!(library.news().await, all("created", &numbers), "{each}");

        let colleague = Colleague::of(&library.house).await;
        let bin = colleague.recycle(DOCUMENTS, &outer.to_string()).await;
        assert_eq!(library.news().await, all("deleted", &numbers), "{each}");
        assert!(library.news().await.is_empty());

        let colleague = Colleague::of(&library.house).await;
        colleague.restore(&bin).await;
        assert_eq!(library.news().await, all("created", &numbers), "{each}");
        assert!(library.news().await.is_empty());
        assert_eq!(library.readings().await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_copied_or_moved_between_libraries_comes_and_goes_with_what_lies_in_it() {
    for each in [false, true] {
        let mut library = Library::followed("now", each).await;
        let onedrive = library.house.tenant.tenant().resources.drive.clone();
        let outer = library.tree().await;
        let place = library.folder("root", "Place").await;
        let place: u64 = library.number(&place).await.parse().unwrap();
        let other = library.folder("root", "Other place").await;
        let other: u64 = library.number(&other).await.parse().unwrap();
        library.news().await;
        let four = |first: u64| (first..first + 4).collect::<Vec<_>>();

        let copy = library.carry("copy", (LIBRARY, outer), (LIBRARY, place)).await;
        assert_eq!(library.news().await, all("created", &four(copy)), "{each}");
        assert!(library.news().await.is_empty());

        let away = library.carry("move", (LIBRARY, copy), (&onedrive, 0)).await;
        assert_eq!(library.news().await, all("deleted", &four(copy)), "{each}");
        assert!(library.news().await.is_empty());

        let back = library.carry("move", (&onedrive, away), (LIBRARY, place)).await;
        assert_eq!(library.news().await, all("created", &four(back)), "{each}");
        // Come and gone between two looks: of what has no row of its own nothing is known.
        let copy = library.carry("copy", (LIBRARY, back), (LIBRARY, other)).await;
        Colleague::of(&library.house).await.recycle(DOCUMENTS, &copy.to_string()).await;
        let known = if each { four(copy) } else { vec![copy] };
        assert_eq!(library.news().await, all("deleted", &known), "{each}");
        assert_eq!(library.readings().await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_moved_into_a_folder_that_goes_is_told_as_removed_with_it() {
    let mut library = Library::followed("beginning", false).await;
    let outer = library.tree().await;
    library.news().await;
    let welcome =
        library.house.graph("GET", &format!("{}/root:/Welcome.txt", library.drive), &json!(null)).await.1;
    let folder = library.house.graph("GET", &format!("{}/root:/Outer", library.drive), &json!(null)).await.1;
    let to = json!({"parentReference": {"id": folder["id"]}});
    let path = format!("{}/items/{}", library.drive, welcome["id"].as_str().unwrap());
    assert_eq!(library.house.graph("PATCH", &path, &to).await.0, 200);
    Colleague::of(&library.house).await.recycle(DOCUMENTS, &outer.to_string()).await;
    let gone: Vec<u64> = [1].into_iter().chain(outer..outer + 4).collect();
    assert_eq!(library.news().await, all("deleted", &gone));
    assert!(library.news().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_left_a_folder_before_it_was_removed_is_told_where_it_is() {
    for each in [false, true] {
        let mut library = Library::followed("baseline", each).await;
        let outer = library.tree().await;
        let place = library.folder("root", "Place").await;
        library.news().await;

        // The first page shows that the folder is gone; what happened before that comes with the second one.
        let colleague = Colleague::of(&library.house).await;
        let rename = json!({"FileLeafRef": "Away"});
        colleague.send("PATCH", &format!("{DOCUMENTS}/items({outer})"), Some(rename)).await;
        for _ in 0..60 {
            library.file("root", "Welcome.txt").await;
        }
        let one = format!("{}/root:/Away/one.txt", library.drive);
        let one = library.house.graph("GET", &one, &json!(null)).await.1;
        let id = one["id"].as_str().unwrap();
        let to = json!({"parentReference": {"id": place}});
        library.house.graph("PATCH", &format!("{}/items/{id}", library.drive), &to).await;
        colleague.recycle(DOCUMENTS, &outer.to_string()).await;

        let mut news = library.news().await;
        news.retain(|one| !format!("{one} ").starts_with("updated 1 "));
        let (inner, one, two) = (outer + 1, outer + 2, outer + 3);
        let mut expected = all("deleted", &[outer, inner, two]);
        expected.push(format!("updated {one} parent"));
        assert_eq!(news, expected, "{each}");
        assert!(library.news().await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_only_seems_to_be_gone_is_told_as_it_is() {
    let mut library = Library::followed("baseline", false).await;
    let outer = library.tree().await;
    library.news().await;
    let list = library.list().await;
    let gone = json!({"status": 404, "count": 1, "path_prefix": format!("{list}items({outer})")});
    library.house.control("faults", gone).await;
    let rename = async |library: &Library, name: &str| {
        let colleague = Colleague::of(&library.house).await;
        let name = json!({"FileLeafRef": name});
        colleague.send("PATCH", &format!("{DOCUMENTS}/items({outer})"), Some(name)).await;
    };
    rename(&library, "Away").await;
    let is_told = [format!("updated {outer} name")];
    assert_eq!(library.news().await, is_told, "no row says that it is gone, and its list shows it");
}

/// How the folder that came fails.
enum Trouble {
    /// It cannot be read by itself.
    Always,
    /// Nor is it shown in its place, once.
    Once,
    /// Nor is it shown there, attempt after attempt.
    InItsPlaceToo,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_with_a_folder_is_told_even_if_the_folder_cannot_be_read_any_more() {
    for (trouble, readings) in [(Trouble::Always, 0), (Trouble::Once, 0), (Trouble::InItsPlaceToo, 1)] {
        let mut library = Library::followed("now", false).await;
        let outer = library.tree().await;
        let numbers: Vec<u64> = (outer..outer + 4).collect();
        library.news().await;
        let colleague = Colleague::of(&library.house).await;
        let bin = colleague.recycle(DOCUMENTS, &outer.to_string()).await;
        library.news().await;
        let list = library.list().await;
        let folder = format!("{list}items({outer})");
        let fault = async |status: u16, count: u32, path: &str| {
            let fault = json!({"status": status, "count": count, "path_prefix": path});
            library.house.control("faults", fault).await;
        };
        if !matches!(trouble, Trouble::Always) {
            // It is read when its row is, and fails when what lies in it is to be read.
            let passed = json!({"delay_seconds": 0.01, "count": 1, "path_prefix": folder});
            library.house.control("faults", passed).await;
        }
        let count = if matches!(trouble, Trouble::Once) { 1 } else { 1000 };
        fault(403, count, &folder).await;
        match trouble {
            Trouble::Always => {}
            Trouble::Once => fault(403, 1, &format!("{list}items")).await,
            Trouble::InItsPlaceToo => fault(403, 4, &format!("{list}items")).await,
        }
        Colleague::of(&library.house).await.restore(&bin).await;
        let (status, refused) = library.house.call("POST", "/v1/subscriptions/it/fetch", None).await;
        assert_eq!(status == 200, matches!(trouble, Trouble::Always), "{refused:#}");
        library
            .house
            .eventually("all are told", async || {
                library.house.advance(Duration::from_secs(60));
                told(&library.house, "it").await.len() >= library.seen + 4
            })
            .await;
        assert_eq!(library.news().await, all("created", &numbers));
        assert_eq!(library.readings().await, readings);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_to_lie_in_a_folder_that_is_not_known_goes_with_it() {
    let mut library = Library::followed("baseline", false).await;
    let folder = library.folder("root", "Old").await;
    library.news().await;
    // From now on nothing is known of what was there.
    library.house.close().await;
    super::configure(&library.house, &following("new", "sharepoint", LIBRARY, "now"));
    library.house.open().await;
    library.house.call("POST", "/v1/apply", None).await;
    library.house.active("new").await;
    library.file(&folder, "new.txt").await;
    fetch(&library.house, "new").await;
    let number = library.number(&folder).await;
    let told_of = async |library: &Library| brief(&told(&library.house, "new").await);
    assert_eq!(told_of(&library).await.len(), 1);
    Colleague::of(&library.house).await.recycle(DOCUMENTS, &number).await;
    fetch(&library.house, "new").await;
    assert_eq!(told_of(&library).await.len(), 3, "{:?}", told_of(&library).await);
}
