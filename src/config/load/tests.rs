use std::time::Duration;

use super::*;
use crate::config::{AllowMode, Cloud, Proof, Tenant, Tls};
use crate::model::{Start, Via};

mod entries;
mod signing_in;
mod sinks;

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
fn limits_that_nobody_can_mean_are_refused() {
    refuses(&[
        (
            "[fetch]\nsweep_every = \"1ms\"",
            "line 3, fetch.sweep_every: sweeps are a second apart at least: write \"6h\", or 0 to turn them off",
        ),
        (
            "[admin]\napi_keys = [{ name = \"a\", key = \"1234567\", role = \"read\" }]",
            "line 3, admin.api_keys.key: a key has at least 8 characters: make one with `openssl rand -hex 32`",
        ),
        (
            "[admin]\napi_keys = [{ name = \"a\", key = \"12345678\", role = \"read\" },\n\
             { name = \"b\", key = \"12345678\", role = \"write\" }]",
            "line 4, admin.api_keys.key: it is the key of 'a', too, so that nobody could tell who calls, and with which role: give each its own",
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

#[test]
fn a_value_of_the_wrong_kind_is_told_the_right_one() {
    refuses(&[
        (
            "fetch = 3",
            "line 2, fetch: wrong kind of value: a whole number, expected one section, written with single brackets",
        ),
        (
            "[tenant]\nname = \"a\"",
            "line 2, tenant: wrong kind of value: a section or table, expected entries, each written with double brackets",
        ),
        (
            "[[fetch]]",
            "line 2, fetch: wrong kind of value: a list, expected one section, written with single brackets",
        ),
        (
            "[fetch]\nconcurrency = \"16\"",
            "line 3, fetch.concurrency: wrong kind of value: a text, expected a whole number",
        ),
        (
            "[fetch]\nsweep_every = true",
            r#"line 3, fetch.sweep_every: wrong kind of value: true or false, expected a duration such as "6h", or 0 to turn it off"#,
        ),
        ("[renewal]\nat = \"often\"", "line 3, renewal.at: wrong kind of value: a text, expected a number"),
        (
            "[listen]\nadmin = 8081",
            "line 3, listen.admin: wrong kind of value: a whole number, expected a text",
        ),
        (
            "[admin]\napi_keys = \"secret\"",
            "line 3, admin.api_keys: wrong kind of value: a text, expected a list",
        ),
        (
            "subscription = [3]",
            "line 2, subscription: wrong kind of value: a whole number, expected entries, each written with double brackets",
        ),
        ("[fetch\nconcurrency = 3", "line 2, : not TOML: unclosed table, expected `]`"),
        ("[fetch]\nconcurrency = 3\nconcurrency = 4", "line 4, : not TOML: duplicate key"),
    ]);
}

#[test]
fn a_value_that_cannot_be_is_told_what_can() {
    refuses(&[
        (
            "[listen]\nnotifications = \"8080\"",
            r#"line 3, listen.notifications: '8080' is not an address to listen on: write IP:PORT, such as "127.0.0.1:8081" or "[::]:8080""#,
        ),
        (
            "[listen]\nbody_limit = \"1MB\"",
            r#"line 3, listen.body_limit: '1MB' is not a size: write a number and its unit, such as "512KiB" or "1MiB""#,
        ),
        (
            "[listen]\nbody_limit = \"1GiB\"",
            r#"line 3, listen.body_limit: '1GiB' is out of range: write a size from "16KiB" to "64MiB""#,
        ),
        (
            "[listen]\nadmin = \"0.0.0.0:8081\"",
            r#"line 3, listen.admin: others can reach 0.0.0.0:8081, and nobody would be asked for a key: write "127.0.0.1:8081", or list api_keys in [admin]"#,
        ),
        (
            "[listen]\nadmin = \"127.0.0.1:8080\"",
            "line 3, listen.admin: port 8080 is the notification port: write another",
        ),
        (
            "[store]\nurl = \"postgres://user:hunter2@db/o365\"",
            r#"line 3, store.url: this version keeps everything in SQLite: write "sqlite:PATH""#,
        ),
        (
            "[store]\nretention = \"30\"",
            r#"line 3, store.retention: '30' is not a duration: write a number and its unit, such as "90s", "6h" or "30d""#,
        ),
        (
            "[store]\nretention = \"1m\"",
            r#"line 3, store.retention: readers need time to read: write at least "1h""#,
        ),
        (
            "[fetch]\nconcurrency = 0",
            "line 3, fetch.concurrency: 0 is out of range: write a number from 1 to 256",
        ),
        (
            "[fetch]\nsweep_every = 6",
            r#"line 3, fetch.sweep_every: '6' is not a duration: write a number and its unit, such as "90s", "6h" or "30d""#,
        ),
        (
            "[fetch]\nsweep_every = \"often\"",
            r#"line 3, fetch.sweep_every: 'often' is not a duration: write a number and its unit, such as "90s", "6h" or "30d""#,
        ),
        (
            "[renewal]\nat = 1",
            "line 3, renewal.at: 1 is out of range: write a share of the lifetime from 0.1 to 0.95",
        ),
        (
            "[renewal]\nat = nan",
            "line 3, renewal.at: NaN is out of range: write a share of the lifetime from 0.1 to 0.95",
        ),
    ]);
}

#[test]
fn what_a_port_cannot_do_is_told_with_what_it_can() {
    refuses(&[
        (
            "[listen]\nallow_from = [\"10.0.0.0/8\", \"10.0.0.0-255\"]",
            r#"line 3, listen.allow_from: '10.0.0.0-255' is not a network: write "10.0.0.0/8", "2001:db8::/32" or a single address"#,
        ),
        (
            "[listen]\ntrusted_proxies = [\"10.1.2.3/8\"]",
            r#"line 3, listen.trusted_proxies: '10.1.2.3/8' begins in the middle of a network: write "10.0.0.0/8""#,
        ),
        (
            "[listen]\ntrusted_proxies = [\"10.0.0.0/8\", \"0.0.0.0/0\"]",
            "line 3, listen.trusted_proxies: everybody's X-Forwarded-For would be believed: write the networks of your proxies",
        ),
        (
            "[listen]\nallow_mode = \"block\"",
            "line 3, listen.allow_mode: unknown value `block`: use `enforce` or `report`",
        ),
        (
            "[listen]\nmax_connections = 0",
            "line 3, listen.max_connections: 0 is out of range: write a number from 1 to 1000000",
        ),
        (
            "[listen.tls]\ncertificate = \"\"\nkey = \"a\"",
            "line 3, listen.tls.certificate: there is no file without a name: write its path",
        ),
    ]);
}
