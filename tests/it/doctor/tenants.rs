//! What `check` says of a tenant: its clock, and what its token allows.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use o365_listener::app::{self, Finding};
use o365_listener::clock::Clock;
use o365_listener::config::{self, Config};
use serde_json::json;

use super::host::{http, serve};
use crate::house::House;

const FOLLOWED: &str = "[[subscription]]\nname = \"list\"\ntenant = \"contoso\"\nresource = \"{list}\"\n\
                        [[subscription]]\nname = \"files\"\ntenant = \"contoso\"\nresource = \"{drive}\"\n\
                        [[subscription]]\nname = \"mail\"\ntenant = \"contoso\"\nresource = \"{mail}\"\n";

/// A tenant whose listener does not run, and its configuration.
async fn closed(entries: &str) -> (House, Config) {
    let mut house = House::start(entries).await;
    house.close().await;
    let config = config::load(&house.folder().join("config.toml"), []).unwrap();
    (house, config)
}

fn of<'a>(findings: &'a [Finding], subject: &str) -> &'a Finding {
    findings
        .iter()
        .find(|finding| finding.subject == subject)
        .unwrap_or_else(|| panic!("{subject}: {findings:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_wrong_is_told() {
    let (house, config) = closed("").await;
    let checked = async |ahead: Duration| {
        let clock = Clock::manual(house.now() + ahead);
        of(&app::check(&config, &clock).await, "tenant contoso: clock").clone()
    };
    let right = checked(Duration::ZERO).await;
    assert_eq!((right.problem, right.note), (None, None));
    let note = checked(Duration::from_secs(100)).await.note.unwrap();
    assert!(note.starts_with("warning: this machine's clock is ") && note.contains("ahead of"), "{note}");
    let problem = checked(Duration::from_secs(720)).await.problem.unwrap();
    assert!(
        problem.contains("ahead of the login host's: assertions to sign in with are refused"),
        "{problem}"
    );
    let wrong = Clock::manual(house.now() - Duration::from_secs(7300));
    let behind = of(&app::check(&config, &wrong).await, "tenant contoso: clock").clone();
    assert!(behind.problem.unwrap().contains("2 h behind the login host's"));
}

#[tokio::test(flavor = "multi_thread")]
async fn permissions_are_compared_with_what_is_followed_and_never_refused() {
    let (house, config) = closed(FOLLOWED).await;
    let checked = async |roles: &[&str]| {
        house.control("roles", json!({"roles": roles})).await;
        let findings = app::check(&config, &house.clock).await;
        let note = |kind: &str| {
            let finding = of(&findings, &format!("tenant contoso: permission to read {kind}s"));
            assert_eq!(finding.problem, None, "{kind}");
            finding.note.clone().unwrap()
        };
        [note("listItem"), note("driveItem"), note("message")]
    };
    let [list, files, mail] = checked(&["Sites.ReadWrite.All", "Mail.Read"]).await;
    assert_eq!(
        [&list[..], &files[..], &mail[..]],
        ["Sites.ReadWrite.All", "Sites.ReadWrite.All", "Mail.Read"]
    );
    let [list, files, mail] = checked(&["Sites.Selected", "Files.Read.All"]).await;
    assert!(list.starts_with("warning: Sites.Selected only: "), "{list}");
    assert!(files.starts_with("Files.Read.All; ") && files.contains("Files.ReadWrite.All"), "{files}");
    assert!(mail.starts_with("not in the token: right if Exchange grants it"), "{mail}");
    let [list, files, _] = checked(&[]).await;
    for (said, least) in [(list, "Sites.Read.All"), (files, "Files.Read.All")] {
        assert!(said.starts_with("warning: the token does not hold it") && said.contains(least), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_another_audience_is_told() {
    let (house, config) = closed("").await;
    let checked = async |audience: &str| {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let token = format!("{}.{}.c2ln", part("{}"), part(&json!({"aud": audience}).to_string()));
        let answer = json!({"token_type": "Bearer", "expires_in": 3600, "access_token": token}).to_string();
        let login = serve(None, move |_| http(200, "content-type: application/json\r\n", &answer)).await;
        let mut config = config.clone();
        config.tenants[0].login_url = Some(format!("http://{login}").parse().unwrap());
        let findings = app::check(&config, &house.clock).await;
        assert_eq!(of(&findings, "tenant contoso: sign-in").problem, None);
        let subject = "tenant contoso: audience of the token";
        findings
            .into_iter()
            .find(|finding| finding.subject == subject)
            .map(|finding| finding.problem.unwrap())
    };
    for right in [
        "https://graph.microsoft.com",
        "https://graph.microsoft.com/",
        "00000003-0000-0000-c000-000000000000",
    ] {
        assert_eq!(checked(right).await, None, "{right}");
    }
    let wrong = checked("https://graph.microsoft.us").await.unwrap();
    assert!(
        wrong.starts_with(
            "the token is for https://graph.microsoft.us and not for https://graph.microsoft.com"
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_entries_that_lead_to_the_same_and_a_site_that_is_not_there_are_told() {
    let (house, config) = closed(FOLLOWED).await;
    let one = config.subscriptions[1].resource.to_string();
    let user = one.strip_prefix("onedrive:").expect("files are a user's");
    let other = format!("onedrive:{}", user.to_uppercase());
    let entry = |name: &str, resource: &str| {
        format!("[[subscription]]\nname = \"{name}\"\ntenant = \"contoso\"\nresource = \"{resource}\"\n")
    };
    let nowhere = "list:https://contoso.sharepoint.com/sites/nosuch/Lists/Candidates";
    let file = house.folder().join("config.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text + &entry("other", &other) + &entry("nowhere", nowhere)).unwrap();
    let config = config::load(&file, []).unwrap();
    let findings = app::check(&config, &house.clock).await;
    let problem = |name: &str, resource: &str| {
        of(&findings, &format!("subscription {name}: {resource}")).problem.clone().unwrap_or_default()
    };
    assert_eq!(problem("files", &one), "");
    let twice = problem("other", &other);
    assert!(
        twice.contains("subscription 'files' follows already") && twice.contains("remove one"),
        "{twice}"
    );
    let lost = problem("nowhere", nowhere);
    assert!(lost.contains("there is no site at https://contoso.sharepoint.com/sites/nosuch"), "{lost}");
}
