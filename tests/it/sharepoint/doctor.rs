//! What `check` says of following over SharePoint.

use o365_listener::app::{self, Finding};
use o365_listener::clock::Clock;
use o365_listener::config;
use o365_listener::office365::Handshaker;
use serde_json::json;

use super::{LIST, Sites};
use crate::doctor::host::{Asked, Reply, http, plain, serve};

async fn checked(sites: &Sites) -> Vec<Finding> {
    let config = config::load(&sites.house.folder().join("config.toml"), []).unwrap();
    app::check(&config, &sites.house.clock).await
}

fn of<'a>(findings: &'a [Finding], subject: &str) -> &'a Finding {
    let found = findings.iter().find(|finding| finding.subject.starts_with(subject));
    found.unwrap_or_else(|| panic!("{subject}: {findings:#?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn token_permission_and_handshake_are_looked_at_as_sharepoint_does() {
    let mut sites = Sites::start(LIST).await;
    sites.house.close().await;
    let findings = checked(&sites).await;
    let signed_in = of(&findings, "tenant contoso: sign-in to contoso.sharepoint.com");
    assert_eq!((&signed_in.problem, &signed_in.note), (&None, &None));
    let permission = "tenant contoso: permission to manage lists at contoso.sharepoint.com";
    assert_eq!(of(&findings, permission).note.as_deref(), Some("Sites.Manage.All"));
    assert!(
        !findings.iter().any(|finding| finding.subject.contains("permission to read listItems")),
        "what Graph lets the app do does not count: {findings:#?}"
    );
    assert_eq!(of(&findings, "subscription list: ").problem, None);
    let shaken =
        findings.iter().find(|finding| finding.subject.ends_with(", as SharePoint calls it")).unwrap();
    assert!(shaken.note.as_ref().unwrap().starts_with("answers the handshake, in "), "{shaken:?}");

    sites.house.control("roles", json!({"sharepoint": ["Sites.Read.All"]})).await;
    let findings = checked(&sites).await;
    let note = of(&findings, permission).note.clone().unwrap();
    assert!(
        note.starts_with("warning: the token does not hold it") && note.contains("Sites.Manage.All"),
        "{note}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sharepoints_handshake_has_its_own_parameter_and_five_seconds() {
    let said = async |answer: fn(&Asked) -> Reply| {
        let address = serve(None, answer).await;
        let url = format!("http://{address}/notifications").parse().unwrap();
        Handshaker::new(Clock::system()).examine_as_sharepoint(&url).await
    };
    let right = said(|asked| {
        let (head, token) = (asked.head.to_lowercase(), asked.target.split_once("?validationtoken="));
        let empty = head.contains("content-length: 0\r\n") && !head.contains("content-type:");
        token.filter(|_| empty).map_or_else(|| http(400, "", &asked.head), |(_, token)| plain(token))
    });
    let (right, late) = tokio::join!(right, said(|_| Reply::Silence));
    assert!(right.unwrap().starts_with("answers the handshake, in "));
    let late = late.unwrap_err().problem;
    assert!(late.starts_with("did not answer within 5 s"), "{late}");
}
