//! A receiver that lets nobody in without a certificate of its authority.

use std::path::Path;

use serde_json::{Value, json};

use crate::doctor::authority::{Authority, Leaf};
use crate::doctor::host::{plain, serve};
use crate::listener::Listener;

const HOST: &str = "localhost";

/// A sink at this port; with `shown` it shows that certificate.
fn sink(name: &str, port: u16, folder: &Path, shown: Option<&(Leaf, String)>) -> String {
    let entry = format!(
        "[[sink]]\nname = \"{name}\"\ntype = \"webhook\"\nurl = \"https://{HOST}:{port}/hook\"\nallow_private = true\n"
    );
    let Some((leaf, chain)) = shown else { return entry };
    let file = |end: &str| folder.join(format!("{name}.{end}"));
    std::fs::write(file("pem"), chain).unwrap();
    std::fs::write(file("key"), leaf.key.serialize_pem()).unwrap();
    let (certificate, key) = (file("pem").display().to_string(), file("key").display().to_string());
    format!("{entry}client_certificate = {{ certificate = \"{certificate}\", key = \"{key}\" }}\n")
}

/// A certificate for a client, with what is between it and its root.
fn shown(authority: &Authority) -> (Leaf, String) {
    let leaf = authority.issue("client.example", 2040);
    let chain = leaf.certificate.pem() + &authority.middle.pem();
    (leaf, chain)
}

async fn tried(listener: &Listener, name: &str) -> Value {
    let url = format!("{}/v1/sinks/{name}/test", listener.admin_url());
    listener.http.post(url).json(&json!({})).send().await.unwrap().json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shows_its_certificate_is_let_in_and_others_are_told_that_they_are_not() {
    let (hosts, clients, strangers) =
        (Authority::until(2080), Authority::until(2080), Authority::until(2080));
    let tls = hosts.issue(HOST, 2040).shown_to_known(&[&hosts.middle], &clients);
    let port = serve(Some(tls), |_| plain("taken")).await.port();
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, hosts.root.pem()).unwrap();
    let sinks = sink("known", port, folder.path(), Some(&shown(&clients)))
        + &sink("stranger", port, folder.path(), Some(&shown(&strangers)))
        + &sink("nobody", port, folder.path(), None);
    let listener = Listener::start_trusting(&sinks, &roots).await;
    let known = tried(&listener, "known").await;
    assert_eq!(
        (&known["delivered"], &known["attempt"]["answer"]),
        (&json!(true), &json!("taken")),
        "{known}"
    );
    for name in ["stranger", "nobody"] {
        let told = tried(&listener, name).await;
        assert_eq!(
            (&told["delivered"], &told["attempt"]["outcome"]),
            (&json!(false), &json!("unreachable")),
            "{told}"
        );
    }
}
