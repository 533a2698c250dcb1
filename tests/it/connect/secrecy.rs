//! The address of a group is a secret: the real binary, logging all it can, is taken through the whole flow and through
//! every way in which a delivery goes wrong; then everything it has said is searched.

use serde_json::{Value, json};

use super::browser::Browser;
use super::{KEY, choose, secret_of};
use crate::listener::{Listener, eventually};

/// Everything that was said to somebody.
#[derive(Default)]
struct Said(Vec<(String, String)>);

impl Said {
    fn add(&mut self, by: impl Into<String>, text: String) {
        self.0.push((by.into(), text));
    }

    /// Fails if one of these was said.
    fn assert_without(&self, secrets: &[String]) {
        for (by, text) in &self.0 {
            for secret in secrets {
                let line = text.lines().find(|line| line.contains(secret.as_str()));
                assert!(line.is_none(), "{by} tells {secret}: {}", line.unwrap_or_default());
            }
        }
    }
}

/// The parts of an address without which nobody could post there.
fn parts(address: &str) -> Vec<String> {
    let url = url::Url::parse(address).unwrap();
    let segments = url.path_segments().unwrap().map(str::to_owned);
    let signature = url.query_pairs().filter(|(name, _)| name == "sig").map(|(_, value)| value.into_owned());
    let found: Vec<String> = segments.chain(signature).filter(|part| part.len() > 20).collect();
    assert!(!found.is_empty(), "{address}");
    found
}

async fn listener(environment: &[(&str, &str)]) -> Listener {
    let variables = [&[KEY, ("O365_LISTENER_LOG", "trace")], environment].concat();
    let listener = Listener::start_in(&variables, |tenant| {
        format!(
            "[connector]\napp_id = \"{}\"\nconnect_url = \"{}/connectors/Connect\"\nallowed_hosts = [\"127.0.0.1\"]\n\
             service_name = \"Contoso\"\n[[sink]]\nname = \"flow\"\ntype = \"teams\"\nurl = \"{}\"\nallow_private = true\n\
             timeout = \"1s\"\n",
            tenant.app_id, tenant.url, tenant.cards.teams
        )
    })
    .await;
    let callback = format!("{}/connector/callback", listener.notifications_url());
    listener.control("connect", json!({ "callback_url": callback })).await;
    listener
}

/// From the link to the last page; the address that came, and what else nobody may see in a log.
async fn connect(listener: &Listener, said: &mut Said) -> (String, Vec<String>) {
    let link = listener.command(&["connector", "invite"]).await.lines().next().unwrap().to_owned();
    let token = link.split_once("invite=").unwrap().1;
    let mut browser = Browser::new();
    said.add("the landing page", browser.get(&link).await.text);
    let base = format!("{}/connector", listener.notifications_url());
    let form = ["created", "updated", "deleted"].map(|change| ("change", change));
    let form = [&[("invite", token), ("subscription", "candidates")][..], &form].concat();
    let at = browser.submit(&base, &form).await.location();
    let callback = choose(&mut browser, &at, "allow").await;
    let state = url::Url::parse(&callback).unwrap();
    let state = state.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    for _ in 0..2 {
        let answer = browser.get(&callback).await;
        said.add("the answer to the callback", format!("{:?}\n{}", answer.headers, answer.text));
        let last = browser.get(&answer.location()).await;
        said.add("the last page", format!("{:?}\n{}", last.headers, last.text));
    }
    (secret_of(&callback), vec![token.to_owned(), state])
}

/// Has a test sent for each way in which that goes wrong, with an answer that tells the address where there is one.
async fn go_wrong(listener: &Listener, name: &str, below: &str, address: &str, said: &mut Said) {
    for mut fault in [
        json!({"status": 400}),
        json!({"status": 403}),
        json!({"status": 413}),
        json!({"status": 429, "retry_after": 1}),
        json!({"status": 500}),
        json!({"status": 302, "location": "/elsewhere"}),
        json!({"break": "before"}),
        json!({"break": "truncated"}),
        json!({"status": 503, "delay_seconds": 2.0}),
    ] {
        fault["path_prefix"] = json!(below);
        if fault["status"].is_number() {
            fault["code"] = json!(address);
        }
        listener.control("faults", fault).await;
        said.add(format!("sinks test {name}"), listener.command(&["sinks", "test", name]).await);
    }
}

/// Changes of the list whose cards are refused.
async fn be_refused(listener: &Listener, address: &str) {
    let list = listener.tenant.tenant().resources.list.clone();
    let fault = json!({"status": 400, "path_prefix": "/webhookb2", "code": address, "count": 3});
    listener.control("faults", fault).await;
    listener.control("changes", json!({ "resource": list, "count": 1 })).await;
    eventually("a card was refused, and the answer is told", async || {
        connected(listener).await["failure"]["answer"]
            .as_str()
            .is_some_and(|answer| answer.contains("/…/…/…/…/…"))
    })
    .await;
}

/// The group's sink.
async fn connected(listener: &Listener) -> Value {
    let sinks = listener.get("/v1/sinks").await["sinks"].as_array().unwrap().clone();
    sinks.into_iter().find(|sink| sink["type"] == "connector").unwrap_or_default()
}

/// Whatever the API and the commands say of a sink.
async fn ask_for_all(listener: &Listener, name: &str, said: &mut Said) {
    let of = |more: &str| format!("/v1/sinks/{name}{more}");
    for path in [of(""), of("/deliveries"), of("/dead-letters"), of("/nothing")]
        .iter()
        .map(String::as_str)
        .chain(["/v1/sinks", "/v1/status", "/metrics", "/readyz"])
    {
        let url = format!("{}{path}", listener.admin_url());
        said.add(path, listener.http.get(url).send().await.unwrap().text().await.unwrap());
    }
    for arguments in [
        &["sinks", "list"][..],
        &["sinks", "list", "--json"],
        &["sinks", "preview", name],
        &["sinks", "preview", "flow", "--json"],
        &["sinks", "retry", name],
        &["sinks", "dead-letters", name],
        &["sinks", "remove", name],
        &["sinks", "remove", name],
        &["sinks", "remove", "flow"],
    ] {
        said.add(arguments.join(" "), listener.command(arguments).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_line_no_answer_and_no_command_tells_the_address_of_a_group() {
    assert_kept_secret(&[]).await;
}

/// Where the environment names a proxy, cards go by the HTTP client that https takes, too.
#[tokio::test(flavor = "multi_thread")]
async fn nor_does_the_other_way_to_send_cards_tell_it() {
    assert_kept_secret(&[("http_proxy", "http://127.0.0.1:1"), ("no_proxy", "127.0.0.1")]).await;
}

async fn assert_kept_secret(environment: &[(&str, &str)]) {
    let (mut said, mut listener) = (Said::default(), listener(environment).await);
    listener.followed().await;
    let (address, tokens) = connect(&listener, &mut said).await;
    eventually("the group is greeted and told", async || {
        let sink = connected(&listener).await;
        sink["lag"] == 0 && listener.cards().await.contains("Connected to Contoso")
    })
    .await;
    let name = connected(&listener).await["name"].as_str().unwrap().to_owned();
    let flow = listener.tenant.tenant().cards.teams.clone();
    go_wrong(&listener, &name, "/webhookb2", &address, &mut said).await;
    go_wrong(&listener, "flow", "/workflows", &flow, &mut said).await;
    assert!(said.0.iter().any(|(_, text)| text.contains("timed_out")), "nothing has timed out");
    be_refused(&listener, &address).await;
    ask_for_all(&listener, &name, &mut said).await;

    assert!(listener.end("-TERM"));
    let log = listener.log();
    assert!(log.contains(" TRACE ") && log.contains("A group was connected"), "the log does not tell all");
    said.add("the log", log);
    said.assert_without(&[parts(&address), parts(&flow)].concat());
    said.0.retain(|(by, _)| by == "the log");
    said.assert_without(&tokens);
}
