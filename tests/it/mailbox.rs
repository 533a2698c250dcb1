//! `mail:USER`: a whole mailbox, with moves told as moves, whichever folder is asked first.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use crate::house::House;

/// A house that follows a whole mailbox, which is asked only when the test asks for it.
struct Post {
    house: House,
    user: String,
    read: usize,
}

impl Post {
    async fn start(start: &str) -> Self {
        let house = House::start("[fetch]\nsweep_every = 0\n").await;
        let user = house.tenant.tenant().user.clone();
        house.control("notifications", json!({"lose": 1.0})).await;
        let mut post = Self { house, user, read: 0 };
        post.follow(start).await;
        post
    }

    async fn follow(&mut self, start: &str) {
        let resource = format!("mail:{}", self.user);
        let wish = json!({"name": "post", "tenant": "contoso", "resource": resource, "start": start});
        let (status, made) = self.house.call("POST", "/v1/subscriptions", Some(wish)).await;
        assert_eq!(status, 201, "{made}");
        assert_eq!(made["resource"], json!(resource));
        self.house.active("post").await;
    }

    /// A write call below the user's path; the id of what it made.
    async fn call(&self, method: &str, path: &str, body: Value) -> String {
        let (status, answer) = self.house.graph(method, &format!("/users/{}{path}", self.user), &body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer["id"].as_str().unwrap_or_default().to_owned()
    }

    async fn write(&self, folder: &str, subject: &str) -> String {
        self.call("POST", &format!("/mailFolders/{folder}/messages"), json!({"subject": subject})).await
    }

    async fn folder(&self, parent: &str, name: &str) -> String {
        self.call("POST", &format!("/mailFolders/{parent}/childFolders"), json!({"displayName": name})).await
    }

    /// Moves a message, of which the id is told in the form that changes, and answers with the new one.
    async fn shift(&self, id: &str, to: &str) -> String {
        self.call("POST", &format!("/messages/{id}/move"), json!({"destinationId": to})).await
    }

    /// What a round tells: type, subject of the message, and what changed.
    async fn round(&mut self) -> Vec<(String, String, Value)> {
        let (status, answer) = self.house.call("POST", "/v1/subscriptions/post/fetch", None).await;
        assert_eq!(status, 200, "{answer}");
        let events = self.house.events().await.split_off(self.read);
        self.read += events.len();
        events.iter().map(short).collect()
    }

    async fn id_of(&self, folder: &str) -> String {
        let path = format!("/users/{}/mailFolders/{folder}", self.user);
        self.house.graph("GET", &path, &Value::Null).await.1["id"].as_str().unwrap().to_owned()
    }
}

fn short(event: &Value) -> (String, String, Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let kind = text(&event["type"]).replace("o365.message.", "");
    (kind, text(&event["data"]["resource"]["subject"]), event["data"]["changed"].clone())
}

fn told(kind: &str, subject: &str, changed: Value) -> Vec<(String, String, Value)> {
    vec![(kind.to_owned(), subject.to_owned(), changed)]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_mailbox_is_followed_by_one_subscription_new_folders_included() {
    let mut post = Post::start("now").await;
    assert_eq!(post.round().await, [], "what was there before is not told");
    let remote = post.house.remote().await;
    assert_eq!(remote.len(), 1);
    let resource = remote[0]["resource"].as_str().unwrap();
    assert!(resource.starts_with("/users/") && resource.ends_with("/messages"), "{resource}");
    assert!(!resource.contains("mailFolders"), "{resource}");
    let projects = post.folder("inbox", "Projects").await;
    let deep = post.folder(&projects, "2026").await;
    post.write(&deep, "Plan").await;
    assert_eq!(post.round().await, told("created", "Plan", json!([])));
    assert_eq!(post.round().await, []);
    post.house.control("notifications", json!({"lose": 0.0})).await;
    post.write("archive", "Old").await;
    post.house.eventually("it is announced and told", async || post.house.events().await.len() == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_is_one_update_with_its_parent_whichever_folder_is_asked_first() {
    let mut post = Post::start("now").await;
    let (inbox, archive) = (post.id_of("inbox").await, post.id_of("archive").await);
    let id = post.write("inbox", "Offer").await;
    assert_eq!(post.round().await, told("created", "Offer", json!([])));
    // The folder it leaves was the last to change and is asked first.
    post.house.forget_requests().await;
    let id = post.shift(&id, "archive").await;
    assert_eq!(post.round().await, told("updated", "Offer", json!(["parent"])));
    let event = post.house.events().await.pop().unwrap();
    assert_eq!(event["data"]["previous"], json!({"parent": inbox}));
    assert_eq!(event["data"]["resource"]["parentFolderId"], json!(archive));
    assert!(asked_before(&post, &inbox, &archive).await);
    // Now the folder it enters.
    post.write("inbox", "Other").await;
    assert_eq!(post.round().await, told("created", "Other", json!([])));
    post.house.forget_requests().await;
    post.shift(&id, "inbox").await;
    assert_eq!(post.round().await, told("updated", "Offer", json!(["parent"])));
    let event = post.house.events().await.pop().unwrap();
    assert_eq!(event["data"]["previous"], json!({"parent": archive}));
    assert!(asked_before(&post, &inbox, &archive).await);
    assert_eq!(post.round().await, []);
}

/// Whether the last round asked the one folder before the other.
async fn asked_before(post: &Post, first: &str, second: &str) -> bool {
    let requests = post.house.requests().await;
    let place = |folder: &str| {
        requests.iter().position(|one| {
            let url = one["url"].as_str().unwrap();
            url.contains(folder) && url.contains("/delta")
        })
    };
    place(first).unwrap() < place(second).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_is_told_once_with_what_was_last_known() {
    let mut post = Post::start("baseline").await;
    // A folder that is asked before the one that misses the message has to be asked again.
    let (first, second) = (post.write("inbox", "First").await, post.write("archive", "Second").await);
    let mut created = post.round().await;
    created.sort_by(|a, b| a.1.cmp(&b.1));
    assert_eq!(created.iter().map(|one| one.0.as_str()).collect::<Vec<_>>(), ["created", "created"]);
    post.call("DELETE", &format!("/messages/{first}"), Value::Null).await;
    assert_eq!(post.round().await, told("deleted", "First", json!([])));
    post.call("DELETE", &format!("/messages/{second}"), Value::Null).await;
    post.write("inbox", "Third").await;
    let mut both = post.round().await;
    both.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(both, [told("created", "Third", json!([])), told("deleted", "Second", json!([]))].concat());
    assert_eq!(post.round().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_folder_tells_its_messages_but_not_those_that_left_it() {
    let mut post = Post::start("now").await;
    let projects = post.folder("inbox", "Projects").await;
    let deep = post.folder(&projects, "2026").await;
    post.write(&deep, "Lost").await;
    let kept = post.write(&projects, "Kept").await;
    assert_eq!(post.round().await.len(), 2);
    post.shift(&kept, "archive").await;
    post.call("DELETE", &format!("/mailFolders/{projects}"), Value::Null).await;
    let mut events = post.round().await;
    events.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(
        events,
        [told("deleted", "Lost", json!([])), told("updated", "Kept", json!(["parent"]))].concat()
    );
    assert_eq!(post.round().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_folder_that_is_deleted_is_told_to_its_end_in_several_steps() {
    let mut post = Post::start("now").await;
    let (large, other) = (post.folder("inbox", "Large").await, post.folder("inbox", "Other").await);
    for number in 0..450 {
        post.write(&large, &format!("Lost {number}")).await;
    }
    for number in 0..50 {
        post.write(&other, &format!("Kept {number}")).await;
    }
    assert_eq!(post.round().await.len(), 500);
    post.call("DELETE", &format!("/mailFolders/{large}"), Value::Null).await;
    let events = post.round().await;
    let subjects: BTreeSet<&str> = events.iter().map(|(_, subject, _)| subject.as_str()).collect();
    assert!(events.iter().all(|(kind, subject, _)| kind == "deleted" && subject.starts_with("Lost")));
    assert_eq!((events.len(), subjects.len()), (450, 450));
    assert_eq!(post.round().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_that_is_edited_ten_times_between_two_rounds_is_one_event() {
    let mut post = Post::start("now").await;
    let draft = post.call("POST", "/messages", json!({"subject": "Draft"})).await;
    assert_eq!(post.round().await, told("created", "Draft", json!([])));
    for edit in 0..10 {
        post.call("PATCH", &format!("/messages/{draft}"), json!({"subject": format!("Draft {edit}")})).await;
    }
    assert_eq!(post.round().await, told("updated", "Draft 9", json!(["subject"])));
    post.call("PATCH", &format!("/messages/{draft}"), json!({"isRead": true})).await;
    assert_eq!(
        post.round().await,
        told("updated", "Draft 9", json!(["isRead"])),
        "a part goes over what is known"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_beginning_of_a_mailbox_tells_all_its_messages() {
    let mut post = Post::start("beginning").await;
    let events = post.round().await;
    let path = format!("/users/{}/messages?$top=1000", post.user);
    let there = post.house.graph("GET", &path, &Value::Null).await.1["value"].as_array().unwrap().len();
    assert!(there > 0 && events.iter().all(|event| event.0 == "created"), "{events:?}");
    assert_eq!(events.len(), there);
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_cursors_of_a_mailbox_cost_no_event_and_repeat_none() {
    let mut post = Post::start("now").await;
    let (stays, goes) = (post.write("inbox", "Stays").await, post.write("inbox", "Goes").await);
    let moves = post.write("archive", "Moves").await;
    assert_eq!(post.round().await.len(), 3);
    post.call("PATCH", &format!("/messages/{stays}"), json!({"importance": "high"})).await;
    post.call("DELETE", &format!("/messages/{goes}"), Value::Null).await;
    post.shift(&moves, "inbox").await;
    post.house.control("tokens/expire", json!({})).await;
    post.house.forget_requests().await;
    let events: BTreeMap<String, (String, Value)> =
        post.round().await.into_iter().map(|(kind, subject, changed)| (subject, (kind, changed))).collect();
    assert_eq!(
        json!(events),
        json!({"Stays": ["updated", ["importance"]], "Goes": ["deleted", []], "Moves": ["updated", ["parent"]]})
    );
    let asked = post.house.requests().await;
    let anew = |of: &str| asked.iter().any(|one| is_start(one["url"].as_str().unwrap(), of));
    assert!(anew("/mailFolders/delta") && anew("/messages/delta"), "no cursor was dead: {asked:#?}");
    assert_eq!(post.round().await, []);
}

/// Whether a delta query of this kind begins from nothing.
fn is_start(url: &str, of: &str) -> bool {
    url.contains(of) && !url.contains("token")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_that_cannot_tell_changes_of_folders_is_walked() {
    let mut post = Post::start("now").await;
    let projects = post.folder("inbox", "Projects").await;
    post.write(&projects, "Before").await;
    assert_eq!(post.round().await.len(), 1);
    let user = user_id(&post).await;
    let path = format!("/v1.0/users/{user}/mailFolders/delta");
    post.house.control("faults", json!({"status": 404, "path_prefix": path, "count": 1000})).await;
    post.house.control("tokens/expire", json!({})).await;
    let deep = post.folder(&projects, "2026").await;
    post.write(&deep, "Plan").await;
    assert_eq!(post.round().await, told("created", "Plan", json!([])));
    post.call("DELETE", &format!("/mailFolders/{deep}"), Value::Null).await;
    assert_eq!(post.round().await, told("deleted", "Plan", json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_that_breaks_off_between_two_folders_goes_on_there() {
    let mut post = Post::start("now").await;
    let archive = post.id_of("archive").await;
    let id = post.write("inbox", "Offer").await;
    assert_eq!(post.round().await.len(), 1);
    post.shift(&id, "archive").await;
    post.write("inbox", "Other").await;
    // What the inbox has to tell is committed; the archive does not answer.
    let user = user_id(&post).await;
    let path = format!("/v1.0/users('{user}')/mailFolders('{archive}')/messages/delta");
    post.house.control("faults", json!({"status": 503, "path_prefix": path, "count": 1000})).await;
    let (status, problem) = post.house.call("POST", "/v1/subscriptions/post/fetch", None).await;
    assert_eq!(status, 502, "{problem}");
    let first = post.house.events().await.split_off(post.read);
    assert_eq!(first.iter().map(short).collect::<Vec<_>>(), told("created", "Other", json!([])));
    post.house.close().await;
    post.house.forget_faults().await;
    post.house.open().await;
    post.house
        .eventually("the rest is told", async || post.house.events().await.len() == post.read + 2)
        .await;
    let last = post.house.events().await.pop().unwrap();
    assert_eq!([short(&last)].to_vec(), told("updated", "Offer", json!(["parent"])));
    post.read += 2;
    assert_eq!(post.round().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_into_a_folder_that_is_made_while_a_round_lasts_is_one_update() {
    let mut post = Post::start("now").await;
    let id = post.write("inbox", "Offer").await;
    assert_eq!(post.round().await, told("created", "Offer", json!([])));
    // The tree of folders is asked; the inbox does not answer before there is another folder.
    let (user, inbox) = (user_id(&post).await, post.id_of("inbox").await);
    let path = format!("/v1.0/users('{user}')/mailFolders('{inbox}')/messages/delta");
    post.house.control("faults", json!({"status": 503, "path_prefix": path, "count": 1000})).await;
    let (status, problem) = post.house.call("POST", "/v1/subscriptions/post/fetch", None).await;
    assert_eq!(status, 502, "{problem}");
    let projects = post.folder("inbox", "Projects").await;
    post.shift(&id, &projects).await;
    post.house.forget_faults().await;
    post.house.advance(Duration::from_secs(600));
    assert_eq!(post.round().await, told("updated", "Offer", json!(["parent"])));
    assert_eq!(post.round().await, []);
}

async fn user_id(post: &Post) -> String {
    let remote = post.house.remote().await;
    remote[0]["resource"].as_str().unwrap().split('/').nth(2).unwrap().to_owned()
}
