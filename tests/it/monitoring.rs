//! What the dashboard and the alert rules ask for is what the listener exports.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use o365_listener::metrics::{LatencyFrom, Metrics, SinkStands, Snapshot};
use o365_listener::model::{Change, Kind, Name, State};
use serde_json::Value;

/// What a scrape returns once everything has happened at least once: a metric with labels is exported from then on.
fn scrape() -> String {
    let metrics = Metrics::default();
    let name: Name = "contoso".parse().unwrap();
    metrics.notified("change", "stored", 1);
    metrics.acknowledged(Duration::from_millis(2));
    metrics.fetched("ok", Duration::from_millis(20));
    metrics.events_written(Kind::ListItem, Change::Created, 1);
    metrics.event_latency(LatencyFrom::Notification, Duration::from_millis(20));
    metrics.event_latency(LatencyFrom::Change, Duration::from_secs(2));
    metrics.renewed("created");
    metrics.requested("graph", "200");
    metrics.throttled(&name, Duration::from_secs(5));
    metrics.recovered_by_sweep(1);
    metrics.contents_looked_at(1, 1, &["signature"]);
    metrics.sunk(&name, "delivered", 1);
    metrics.port.connected(1);
    metrics.port.closed("slow");
    metrics.port.refused("source");
    metrics.port.certificate("listen", 60.0, false);
    let snapshot = Snapshot {
        inbox_pending: 1,
        inbox_oldest_age: Duration::from_secs(1),
        subscriptions: State::ALL.iter().map(|state| (*state, 1)).collect(),
        closed_gates: vec![(name.clone(), "mailbox".to_owned())],
        credentials: vec![("contoso".to_owned(), "client_secret", 60.0)],
        consumers: vec![(name.clone(), 1)],
        sinks: vec![SinkStands {
            name: name.clone(),
            lag: 1,
            failing_for: Duration::from_secs(1),
            disabled: true,
        }],
        expires: vec![(name, 60.0)],
        ..Snapshot::default()
    };
    metrics.observe(snapshot).unwrap()
}

/// The names of the series that a scrape holds, `_bucket`, `_sum`, `_count` and `_total` included.
fn exported() -> BTreeSet<String> {
    metric_names(scrape().lines().filter(|line| !line.starts_with('#')))
}

/// Every `o365_…` in these texts.
fn metric_names<'a>(texts: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = texts.into_iter().flat_map(|text| text.split(move |c| !word(c)));
    words.filter(|word| word.starts_with("o365_")).map(str::to_owned).collect()
}

fn monitoring(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/monitoring").join(file)
}

fn read(file: &str) -> String {
    std::fs::read_to_string(monitoring(file)).unwrap()
}

/// The queries of the dashboard's panels, with the values that Grafana fills in.
fn dashboard_queries() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&read("grafana-dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let queries = targets.map(|target| target["expr"].as_str().unwrap());
    queries.map(|query| query.replace("$job", "o365-listener").replace("$__rate_interval", "5m")).collect()
}

#[test]
fn every_metric_that_the_dashboard_and_the_alerts_name_is_exported() {
    let exported = exported();
    for file in ["grafana-dashboard.json", "alerts.yml", "alerts_test.yml"] {
        let named = metric_names([read(file).as_str()]);
        assert!(!named.is_empty(), "{file} names no metric");
        let unknown: Vec<_> = named.difference(&exported).collect();
        assert!(unknown.is_empty(), "{file} names what is not exported: {unknown:?}");
    }
}

#[test]
fn the_dashboard_shows_every_metric() {
    let shown = metric_names(dashboard_queries().iter().map(String::as_str));
    for name in exported() {
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
        let shown_as = family.map_or_else(|| name.clone(), |family| format!("{family}_bucket"));
        assert!(shown.contains(&shown_as), "no panel shows {name}");
    }
}

#[test]
fn promtool_accepts_the_alert_rules_and_they_fire_when_they_should() {
    promtool(&["check", "rules", monitoring("alerts.yml").to_str().unwrap()], "");
    promtool(&["test", "rules", monitoring("alerts_test.yml").to_str().unwrap()], "");
}

#[test]
fn promtool_accepts_the_queries_of_the_dashboard() {
    let mut rules = "groups:\n  - name: dashboard\n    rules:\n".to_owned();
    for (number, query) in dashboard_queries().iter().enumerate() {
        writeln!(rules, "      - record: query:{number}\n        expr: {}", Value::from(query.as_str()))
            .unwrap();
    }
    let file = tempfile::NamedTempFile::with_suffix(".yml").unwrap();
    std::fs::write(file.path(), rules).unwrap();
    promtool(&["check", "rules", file.path().to_str().unwrap()], "");
}

#[test]
fn promtool_accepts_the_exported_metrics() {
    promtool(&["check", "metrics"], &scrape());
}

/// Runs promtool, which comes with Prometheus; `tests/run.sh` installs it.
#[expect(clippy::print_stderr, reason = "what is skipped is said aloud")]
fn promtool(arguments: &[&str], input: &str) {
    let child = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: promtool is not installed (it comes with Prometheus)");
        return;
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "promtool {arguments:?}:\n{said}");
}
