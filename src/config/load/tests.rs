use std::time::Duration;

use super::*;
use crate::config::{AllowMode, Cloud, Proof, Tenant, Tls};
use crate::model::{Start, Via};

mod entries;
mod signing_in;
mod sinks;
mod values;

const FULL: &str = r#"public_url = "https://Hooks.contoso.com/o365/"

[listen]
notifications = "0.0.0.0:8080"
admin = "0.0.0.0:8081"
body_limit = "2MiB"
trusted_proxies = ["10.0.0.0/8", "::1"]
allow_from = ["20.20.32.0/19"]
allow_mode = "report"
max_connections = 500

[listen.tls]
certificate = "/etc/tls.pem"
key = "/etc/tls.key"

[admin]
api_keys = [{ name = "ops", key = { env = "OPS_KEY" }, role = "write" }]
tls = { certificate = "a.pem", key = "a.key" }

[store]
url = "sqlite:/var/lib/o365.db"
retention = "90d"

[[tenant]]
name = "contoso"
tenant_id = "contoso.onmicrosoft.com"
client_id = "11111111-2222-3333-4444-555555555555"
client_secret = { env = "CONTOSO_SECRET" }
cloud = "us-gov"
graph_url = "http://127.0.0.1:9400"

[[subscription]]
name = "hr-candidates"
tenant = "contoso"
resource = "list:https://contoso.sharepoint.com/sites/hr/Lists/Candidates"
lifetime = "3d"

[[subscription]]
name = "alice"
tenant = "contoso"
resource = "mail:alice@contoso.com/inbox"
start = "baseline"
lifetime = "max"
select = ["importance"]

[fetch]
concurrency = 4
sweep_every = 0

[renewal]
at = 0.5
"#;

const SECRETS: &[(&str, &str)] = &[("OPS_KEY", "key of ops"), ("CONTOSO_SECRET", "hunter2")];

const TENANT: &str = r#"[[tenant]]
name = "contoso"
tenant_id = "contoso.com"
client_id = "11111111-2222-3333-4444-555555555555"
client_secret = "hunter2"
"#;

fn read(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    parse(text, &Environment::new(variables))
        .map_err(|(place, fault)| format!("{place}, {}: {}", fault.path, fault.message))
}

fn secret_of(tenant: &Tenant) -> &str {
    let Proof::Secret { secret, .. } = &tenant.proof else { panic!("{:?}", tenant.proof) };
    secret.expose()
}

/// What is said about `text` below a good first line.
fn refusal(text: &str) -> String {
    read(&format!("public_url = \"https://hooks.contoso.com\"\n{text}"), &[]).expect_err(text)
}

fn refuses(table: &[(&str, &str)]) {
    for (text, message) in table {
        assert_eq!(&refusal(text), message, "\n{text}");
    }
}

#[test]
fn every_key_is_read() {
    let config = read(FULL, SECRETS).unwrap();
    assert_eq!(config.public_url.as_str(), "https://hooks.contoso.com/o365");
    assert_eq!(config.listen.notifications.to_string(), "0.0.0.0:8080");
    assert_eq!(config.listen.body_limit, 2 << 20);
    assert_eq!(format!("{:?}", config.listen.trusted_proxies), "[10.0.0.0/8, ::1/128]");
    assert_eq!(format!("{:?}", config.listen.allow_from), "[20.20.32.0/19]");
    assert_eq!((config.listen.allow_mode, config.listen.max_connections), (AllowMode::Report, 500));
    let pair = |certificate: &str, key: &str| Some(Tls { certificate: certificate.into(), key: key.into() });
    assert_eq!(config.listen.tls, pair("/etc/tls.pem", "/etc/tls.key"));
    assert_eq!(config.admin.tls, pair("a.pem", "a.key"));
    assert_eq!(config.admin.api_keys[0].key.expose(), "key of ops");
    assert_eq!(config.store.retention, Duration::from_secs(90 * 86_400));
    let tenant = &config.tenants[0];
    assert_eq!((secret_of(tenant), tenant.cloud), ("hunter2", Cloud::UsGov));
    assert_eq!(tenant.user_agent, concat!("NONISV|contoso|o365-listener/", env!("CARGO_PKG_VERSION")));
    assert_eq!(tenant.login_url, None);
    let [list, mail] = &config.subscriptions[..] else { panic!("two subscriptions") };
    assert_eq!((list.via, list.start), (Via::Graph, Start::Now));
    assert_eq!((list.lifetime, mail.lifetime), (Some(Duration::from_secs(3 * 86_400)), None));
    assert_eq!((mail.start, &mail.select[..]), (Start::Baseline, &["importance".to_owned()][..]));
    assert_eq!((config.fetch.concurrency, config.fetch.sweep_every), (4, None));
    assert!((config.renewal.at - 0.5).abs() < f64::EPSILON);
}

#[test]
fn one_line_is_enough() {
    let config = read("public_url = \"http://localhost:8080\"", &[]).unwrap();
    assert_eq!(config.listen.admin.to_string(), "127.0.0.1:8081");
    assert_eq!(config.store.url, "sqlite:o365-listener.db");
    assert_eq!(config.fetch.sweep_every, Some(Duration::from_secs(6 * 3_600)));
}

#[test]
fn the_environment_goes_over_the_file() {
    let mut variables = SECRETS.to_vec();
    variables.extend([
        ("O365_LISTENER__PUBLIC_URL", "https://other.contoso.com"),
        ("O365_LISTENER__FETCH__CONCURRENCY", "7"),
        ("O365_LISTENER__FETCH__SWEEP_EVERY", "90s"),
        ("O365_LISTENER__FETCH__SWEEPS_PER_MINUTE", "17"),
        ("O365_LISTENER__RENEWAL__AT", "0.8"),
        ("O365_LISTENER__LISTEN__MAX_CONNECTIONS", "70"),
        ("O365_LISTENER__LISTEN__TLS__CERTIFICATE", "other.pem"),
        ("O365_LISTENER__LISTEN__TLS__KEY", "other.key"),
        ("O365_LISTENER__STORE__URL", "sqlite:1"),
        ("O365_LISTENER_API_KEY", "is none of the file's keys"),
    ]);
    for file in [FULL, ""] {
        let config = read(file, &variables).unwrap();
        assert_eq!(config.public_url.as_str(), "https://other.contoso.com/");
        assert_eq!((config.fetch.concurrency, config.fetch.sweep_every), (7, Some(Duration::from_secs(90))));
        assert_eq!(config.fetch.sweeps_per_minute, 17);
        assert!((config.renewal.at - 0.8).abs() < f64::EPSILON);
        assert_eq!(config.store.url, "sqlite:1");
        assert_eq!(config.listen.max_connections, 70);
        assert_eq!(config.listen.tls.as_ref().unwrap().key.to_str(), Some("other.key"));
    }
}

#[test]
fn what_is_wrong_with_a_variable_names_the_variable() {
    let table = [
        (
            "FETCH__CONCURENCY",
            "7",
            "fetch.concurency: unknown key `concurency`: use one of `concurrency`, `sweep_every`, `sweeps_per_minute`",
        ),
        (
            "FETCH__CONCURRENCY",
            "many",
            "fetch.concurrency: wrong kind of value: a text, expected a whole number",
        ),
        ("FETCH__CONCURRENCY", "0", "fetch.concurrency: 0 is out of range: write a number from 1 to 256"),
        (
            "LISTEN__ADMIN",
            "0.0.0.0:8081",
            r#"listen.admin: others can reach 0.0.0.0:8081, and nobody would be asked for a key: write "127.0.0.1:8081", or list api_keys in [admin]"#,
        ),
        ("ADMIN__API_KEYS", "secret", "admin.api_keys: wrong kind of value: a text, expected a list"),
        (
            "TENANT__CLIENT_SECRET",
            "secret",
            "tenant.client_secret: wrong kind of value: a section or table, expected entries, each written with double brackets",
        ),
        (
            "SINK__URL",
            "https://a",
            "sink.url: wrong kind of value: a section or table, expected entries, each written with double brackets",
        ),
        (
            "PUBLIC_URL__X",
            "https://a",
            "public_url.x: wrong kind of value: a section or table, expected a text",
        ),
    ];
    for (name, value, message) in table {
        let name = format!("O365_LISTENER__{name}");
        let text = format!("public_url = \"https://hooks.contoso.com\"\n{TENANT}");
        let said = read(&text, &[(&name, value)]).expect_err(&name);
        assert_eq!(said, format!("overridden by {name}, {message}"));
    }
}

#[test]
fn a_key_that_is_not_known_is_named_with_those_that_are() {
    refuses(&[
        (
            "[fetch]\nconcurency = 3",
            "line 3, fetch.concurency: unknown key `concurency`: use one of `concurrency`, `sweep_every`, `sweeps_per_minute`",
        ),
        (
            "[[consumer]]\nname = \"a\"",
            "line 2, consumer: unknown key `consumer`: use one of `public_url`, `listen`, `admin`, `store`, `tenant`, `subscription`, `encryption`, `fetch`, `renewal`, `sink`, `connector`",
        ),
        (
            "[listen]\ntsl = 1",
            "line 3, listen.tsl: unknown key `tsl`: use one of `notifications`, `admin`, `trusted_proxies`, `allow_from`, `allow_mode`, `body_limit`, `max_connections`, `tls`",
        ),
        (
            "[listen.tls]\ncert = \"a\"",
            "line 3, listen.tls.cert: unknown key `cert`: use `certificate` or `key`",
        ),
        (
            "[store]\npassword = \"a\"",
            "line 3, store.password: unknown key `password`: use one of `url`, `retention`, `encryption_key`",
        ),
        (
            &format!("{TENANT}password = \"a\""),
            "line 7, tenant.password: unknown key `password`: use one of `name`, `tenant_id`, `client_id`, `client_secret`, `client_secret_expires`, `certificate`, `federated_token_file`, `managed_identity`, `delegated`, `user_agent`, `cloud`, `login_url`, `graph_url`, `sharepoint_url`, `identity_url`",
        ),
        (
            "[admin]\napi_keys = [\n{ name = \"a\", key = \"a\",\nroles = \"read\" }]",
            "line 5, admin.api_keys.roles: unknown key `roles`: use one of `name`, `key`, `role`",
        ),
    ]);
}

#[test]
fn what_is_missing_is_named_with_its_section() {
    assert_eq!(
        read("\n[fetch]\n", &[]).expect_err("nothing"),
        "line 1, : missing key `public_url`: add public_url = …"
    );
    refuses(&[
        ("[[tenant]]\nname = \"a\"", "line 2, tenant: missing key `tenant_id`: add tenant_id = …"),
        ("[admin.tls]\nkey = \"a\"", "line 2, admin.tls: missing key `certificate`: add certificate = …"),
        (
            "[fetch]\n\n[[tenant]]\nname = \"a\"\ntenant_id = \"b\"\n",
            "line 4, tenant.client_id: missing key `client_id`: add client_id = …, the 'Application (client) ID' of the app registration, or of the identity where Azure manages it",
        ),
        (
            "[admin]\napi_keys = [{ name = \"a\", role = \"read\" }]",
            "line 3, admin.api_keys: missing key `key`: add key = …",
        ),
        (
            "[[subscription]]\nname = \"a\"\ntenant = \"b\"",
            "line 2, subscription: missing key `resource`: add resource = …",
        ),
    ]);
}
