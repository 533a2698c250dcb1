//! What is told of a list that is followed over SharePoint: the same as over Graph.

mod cursor;
mod folders;
mod large_folders;
mod reading;
mod same;
mod switch;
mod told;

use std::time::Duration;

use serde_json::Value;

use crate::house::House;
use crate::sharepoint::Sites;

pub const SITE: &str = "/sites/hr";

/// An app that signs in with a certificate, as SharePoint wants it, and follows what `entries` say.
pub async fn house(entries: &str) -> House {
    Sites::start_of(House::start_seeded("", 0).await, entries).await.house
}

/// Writes the configuration for the next start.
pub fn configure(house: &House, entries: &str) {
    house.configure(entries, house.tenant.url());
    let (folder, url) = (house.folder().display().to_string(), house.tenant.url().to_owned());
    house.rewrite(|text| {
        let secret = text.lines().find(|line| line.starts_with("client_secret")).unwrap().to_owned();
        let certificate = format!(
            "certificate = {{ file = \"{folder}/app.pem\", key = \"{folder}/app.key\" }}\nsharepoint_url = \"{url}\""
        );
        text.replace(&secret, &certificate)
    });
}

/// An entry of the configuration.
pub fn following(name: &str, via: &str, resource: &str, start: &str) -> String {
    format!(
        "[[subscription]]\nname = \"{name}\"\ntenant = \"contoso\"\nresource = \"{resource}\"\nvia = \"{via}\"\n\
         start = \"{start}\"\n"
    )
}

/// Fetches now, and waits for it.
pub async fn fetch(house: &House, name: &str) {
    let (status, answer) = house.call("POST", &format!("/v1/subscriptions/{name}/fetch"), None).await;
    assert_eq!(status, 200, "{answer:#}");
}

/// What a subscription has told.
pub async fn told(house: &House, name: &str) -> Vec<Value> {
    let mut events = house.get(&format!("/v1/events?limit=1000&subscription={name}")).await;
    events["events"].as_array_mut().unwrap().drain(..).collect()
}

/// Type, subject and what changed.
pub fn brief(events: &[Value]) -> Vec<String> {
    let word = |event: &Value| event["type"].as_str().unwrap().rsplit('.').next().unwrap().to_owned();
    let brief = |event: &Value| {
        let changed = event["data"]["changed"].as_array().unwrap().iter();
        let changed: Vec<&str> = changed.map(|name| name.as_str().unwrap()).collect();
        format!("{} {} {}", word(event), event["subject"].as_str().unwrap(), changed.join(","))
    };
    events.iter().map(|event| brief(event).trim_end().to_owned()).collect()
}

/// Somebody else who works in the site of Human Resources.
pub struct Colleague<'a> {
    house: &'a House,
    token: String,
    http: reqwest::Client,
}

impl<'a> Colleague<'a> {
    pub async fn of(house: &'a House) -> Self {
        let identity = house.fetch(&format!("{}/_control/identity", house.tenant.url())).await;
        // It leaves connections that are idle before the servers do.
        let idle = Duration::from_secs(1);
        let http = reqwest::Client::builder().no_proxy().pool_idle_timeout(idle).build().unwrap();
        let mut url: url::Url =
            identity["virtual_machine"]["identity_url"].as_str().unwrap().parse().unwrap();
        url.set_path("/metadata/identity/oauth2/token");
        url.query_pairs_mut()
            .append_pair("api-version", "2018-02-01")
            .append_pair("resource", "https://contoso.sharepoint.com");
        let answer = http.get(url).header("Metadata", "true").send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        Self { house, token: answer["access_token"].as_str().unwrap().to_owned(), http }
    }

    /// Sends something below the `_api` of the site.
    pub async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let (status, text) = self.try_to(method, path, body).await;
        assert!((200..300).contains(&status), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    async fn try_to(&self, method: &str, path: &str, body: Option<Value>) -> (u16, String) {
        let url = format!("{}{SITE}/_api/{path}", self.house.tenant.url());
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(method, url).bearer_auth(&self.token);
        request = request.header("accept", "application/json;odata=nometadata");
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Deletes an item, and answers with its name in the recycle bin.
    pub async fn recycle(&self, list: &str, item: &str) -> String {
        let bin = self.send("POST", &format!("{list}/items({item})/recycle()"), None).await;
        bin["value"].as_str().unwrap().to_owned()
    }

    pub async fn restore(&self, bin: &str) {
        self.send("POST", &format!("web/recyclebin('{bin}')/restore()"), None).await;
    }

    /// The same, where its place may be taken or gone.
    pub async fn try_restore(&self, bin: &str) {
        self.try_to("POST", &format!("web/recyclebin('{bin}')/restore()"), None).await;
    }
}
