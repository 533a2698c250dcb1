//! The example shows every key there is, with its default.

use std::collections::BTreeSet;

use super::*;

const EXAMPLE: &str = include_str!("../../../config.example.toml");

fn read(text: &str) -> Result<Config, String> {
    let mut secrets = ["CONTOSO_SECRET", "OPS_KEY", "ORDERS_TOKEN"]
        .map(|name| (name.to_owned(), "hunter22".to_owned()))
        .to_vec();
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    secrets.push(("O365_LISTENER_ENCRYPTION_KEY".to_owned(), key.to_owned()));
    let signing = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    secrets.push(("ORDERS_SIGNING_SECRET".to_owned(), signing.to_owned()));
    secrets.push(("TEAMS_FLOW_URL".to_owned(), "https://flows.example/workflows/hunter2".to_owned()));
    parse(text, &Environment::new(secrets)).map_err(|(place, fault)| format!("{place}: {}", fault.message))
}

/// The example with everything that is commented out (`#key = …`, `#[[sink]]`; prose has a blank after the '#').
fn uncommented() -> String {
    let lines = EXAMPLE.lines().map(|line| match line.strip_prefix('#') {
        Some(key) if key.starts_with(|c: char| c.is_ascii_lowercase()) || key.starts_with('[') => key,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// How a tenant may sign in beside the client secret, and the key that belongs to the last of them.
const WAYS: [&str; 5] =
    ["certificate", "federated_token_file", "managed_identity", "identity_url", "delegated"];

/// All of it but these keys of the tenant.
fn without(keys: &[&str]) -> String {
    let text = uncommented();
    let (before, tenant) = text.split_once("\n[[tenant]]\n").unwrap();
    let (tenant, after) = tenant.split_once("\n[[subscription]]\n").unwrap();
    let kept = |line: &&str| !keys.iter().any(|key| line.starts_with(&format!("{key} = ")));
    let tenant = tenant.lines().filter(kept).collect::<Vec<_>>().join("\n");
    format!("{before}\n[[tenant]]\n{tenant}\n[[subscription]]\n{after}")
}

/// The keys that an error about an unknown key tells to use.
fn keys_in(error: &str) -> Vec<String> {
    let (_, allowed) = error.split_once(": use ").expect(error);
    allowed.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn all_keys() -> BTreeSet<String> {
    let mut all = BTreeSet::from_iter(keys_in(&read("unknown = 1").unwrap_err()));
    for section in all.clone() {
        let error = read(&format!("[{section}]\nunknown = 1")).unwrap_err();
        if error.contains("unknown key") {
            all.extend(keys_in(&error));
        } else if error.contains("double brackets") {
            all.extend(keys_in(&read(&format!("[[{section}]]\nunknown = 1")).unwrap_err()));
        }
    }
    for table in [
        "admin.api_keys = [{ unknown = 1 }]",
        "listen.tls = { unknown = 1 }",
        "[[tenant]]\ncertificate = { unknown = 1 }",
        "[[sink]]\nrotate = { unknown = 1 }",
        "[[sink]]\nclient_certificate = { unknown = 1 }",
        "[[sink]]\ncard = { unknown = 1 }",
    ] {
        all.extend(keys_in(&read(table).unwrap_err()));
    }
    all
}

#[test]
fn the_example_is_a_good_configuration_as_it_stands() {
    let config = read(EXAMPLE).unwrap();
    assert_eq!((config.tenants.len(), config.subscriptions.len()), (1, 2));
}

#[test]
fn what_the_example_shows_as_default_is_the_default() {
    let (mut shown, defaults) = (read(&without(&WAYS)).unwrap(), read(EXAMPLE).unwrap());
    assert!(shown.listen.tls.take().is_some() && defaults.listen.tls.is_none(), "shown by an example");
    let settings = |config: &Config| {
        format!(
            "{:?}",
            (&config.listen, &config.store.url, config.store.retention, &config.fetch, config.renewal)
        )
    };
    assert_eq!(settings(&shown), settings(&defaults));
    let wishes = |config: &Config| {
        config
            .subscriptions
            .iter()
            .map(|s| (s.via, s.start, s.lifetime, s.include_resource_data))
            .collect::<Vec<_>>()
    };
    assert_eq!(wishes(&shown), wishes(&defaults));
    assert_eq!(shown.tenants[0].cloud, defaults.tenants[0].cloud);
}

#[test]
fn what_the_example_shows_of_sinks_as_default_is_the_default() {
    let text = uncommented();
    let (_, sinks) = text.split_once("\n[[sink]]\n").unwrap();
    let with = |sinks: &str| read(&format!("public_url = \"https://a.example\"\n[[sink]]\n{sinks}")).unwrap();
    let examples = [
        "subscriptions",
        "types",
        "filter",
        "secret",
        "headers",
        "client_certificate",
        "name = ",
        "type = ",
        "url",
        "path",
        "card",
    ];
    let chosen = |line: &&str| line.starts_with("[[") || examples.iter().any(|key| line.starts_with(key));
    let batched = |line: &&str| *line == "mode = \"batched\"";
    let without: Vec<_> = sinks.lines().filter(|line| chosen(line) || batched(line)).collect();
    let shown = format!("{:?}", with(sinks).sinks);
    assert_eq!(shown, format!("{:?}", with(&without.join("\n")).sinks));
    assert!(
        shown.contains("orders")
            && shown.contains("warehouse")
            && shown.contains("audit")
            && shown.contains("team")
    );
}

#[test]
fn each_way_to_sign_in_that_the_example_shows_can_be_taken() {
    let secret = ["client_secret", "client_secret_expires"];
    for (way, belonging) in [(WAYS[0], None), (WAYS[1], None), (WAYS[2], Some(WAYS[3]))] {
        let others = WAYS.into_iter().filter(|key| *key != way && Some(*key) != belonging);
        let left_out: Vec<&str> = others.chain(secret).collect();
        read(&without(&left_out)).unwrap_or_else(|said| panic!("{way}: {said}"));
    }
}

#[test]
fn the_example_shows_every_key_there_is() {
    let text = uncommented();
    let keys = all_keys();
    assert!(
        keys.contains("public_url") && keys.contains("sharepoint_url") && keys.contains("role"),
        "{keys:?}"
    );
    for key in &keys {
        let shown = [format!("{key} = "), format!("[{key}]")].iter().any(|written| text.contains(written));
        assert!(shown, "{key} is not in config.example.toml");
    }
}
