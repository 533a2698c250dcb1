//! Values that cannot be, and how they are told.

use super::*;

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
        (
            "[fetch]\nsweep_every = \"99999999d\"",
            r#"line 3, fetch.sweep_every: '99999999d' is too long: write "36500d" at most"#,
        ),
        ("[listen]\nallow_mode = 5", "line 3, listen.allow_mode: wrong kind of value: expected a text"),
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
