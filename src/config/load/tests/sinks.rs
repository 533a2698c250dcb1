//! `[[sink]]`: what is taken, and what is refused with which words.

use super::*;
use crate::config::{Mode, SinkKind, SinkStart};
use crate::model::Cursor;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn sink(keys: &str) -> String {
    format!("public_url = \"https://a.example\"\n[[sink]]\nname = \"orders\"\n{keys}")
}

fn taken(keys: &str) -> crate::config::Sink {
    read(&sink(keys), &[("SIGNING", SECRET), ("FLOW", "https://flows.example/T0K3N")])
        .unwrap_or_else(|said| panic!("{keys}: {said}"))
        .sinks
        .remove(0)
}

#[test]
fn a_webhook_has_its_defaults_and_prints_no_secret() {
    let plain = taken("type = \"webhook\"\nurl = \"https://hooks.example/T0K3N\"");
    assert_eq!(plain.start, SinkStart::Now);
    assert!(plain.subscriptions.want("anything") && plain.types.want("o365.message.created"));
    let SinkKind::Webhook(webhook) = &plain.kind else { panic!("{plain:?}") };
    assert_eq!((webhook.mode, webhook.timeout), (Mode::Structured, Duration::from_secs(15)));
    assert!(!webhook.allow_private && webhook.secrets.is_empty());
    let keys = format!(
        "type = \"webhook\"\nurl = \"http://10.0.0.1/T0K3N\"\nsecret = [{{ env = \"SIGNING\" }}, \"{SECRET}\"]\n\
         mode = \"batched\"\nheaders = {{ Authorization = \"hunter2\" }}\ntimeout = \"1s\"\nallow_private = true\n\
         subscriptions = [\"hr-*\"]\ntypes = [\"o365.listItem.*\"]\nstart = \"00000000000000000042\""
    );
    let full = taken(&keys);
    assert_eq!(full.start, SinkStart::After(Cursor::at(42)));
    assert!(full.subscriptions.want("hr-a") && !full.subscriptions.want("it-a"));
    let SinkKind::Webhook(webhook) = &full.kind else { panic!("{full:?}") };
    assert_eq!((webhook.mode, webhook.secrets.len()), (Mode::Batched(100), 2));
    let printed = format!("{full:?}");
    for secret in ["T0K3N", "hunter2", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[test]
fn a_file_is_rotated_by_size_and_day_unless_it_says_otherwise() {
    let SinkKind::File(file) = taken("type = \"file\"\npath = \"a.jsonl\"").kind else { panic!() };
    assert_eq!((file.rotate.size, file.rotate.every), (104_857_600, Duration::from_secs(86_400)));
    let keys = "type = \"file\"\npath = \"a.jsonl\"\nrotate = { size = \"1KiB\" }";
    let SinkKind::File(file) = taken(keys).kind else { panic!() };
    assert_eq!((file.rotate.size, file.rotate.every), (1024, Duration::from_secs(86_400)));
    let tiny = sink("type = \"file\"\npath = \"a\"\nrotate = { size = \"1B\" }");
    assert_eq!(
        read(&tiny, &[]).expect_err("a file for each event"),
        "line 6, sink.rotate.size: a file is 1KiB large at least before it is put aside: write \"100MiB\""
    );
    assert!(matches!(taken("type = \"stdout\"\nstart = \"beginning\"").kind, SinkKind::Stdout));
}

#[test]
fn a_channel_has_an_address_that_is_not_printed_and_maybe_a_template() {
    let plain = taken("type = \"teams\"\nurl = { env = \"FLOW\" }");
    let SinkKind::Teams(to) = &plain.kind else { panic!("{plain:?}") };
    assert_eq!((to.card.as_deref(), to.timeout, to.allow_private), (None, Duration::from_secs(15), false));
    assert!(!format!("{plain:?}").contains("T0K3N"), "{plain:?}");
    let keys = "type = \"connector\"\nurl = \"http://10.0.0.1/T0K3N\"\nallow_private = true\n\
                card = { file = \"a.jinja\" }\ntimeout = \"2s\"";
    let SinkKind::Connector(to) = taken(keys).kind else { panic!() };
    assert_eq!((to.card.unwrap().to_str().unwrap(), to.timeout), ("a.jinja", Duration::from_secs(2)));
}

#[test]
fn what_is_not_as_it_must_be_is_told_with_its_line() {
    let hook = "type = \"webhook\"\nurl = \"https://hooks.example/T0K3N\"\n";
    for (keys, message) in [
        (
            "type = \"pigeon\"",
            "line 4, sink.type: 'pigeon' is not a type: use webhook, file, stdout, teams or connector",
        ),
        (
            "type = \"nats\"",
            "line 4, sink.type: this version has no nats sinks: use webhook, file, stdout, teams or connector",
        ),
        ("type = \"webhook\"", "line 4, sink.type: missing key `url`: add url = \"https://HOST/PATH\""),
        ("type = \"file\"", "line 4, sink.type: missing key `path`: add path = \"events.jsonl\""),
        (
            "type = \"stdout\"\npath = \"a\"",
            "line 5, sink.path: only sinks with type = \"file\" have it: leave it out",
        ),
        (
            "type = \"webhook\"\nurl = \"https://u:hunter2@a.example\"",
            "line 5, sink.url: a user or password in the address cannot be used: put them into headers, as Authorization",
        ),
        (
            "type = \"webhook\"\nurl = \"http://2130706433/hunter2\"",
            "line 5, sink.url: this is an internal address: set allow_private = true if that is meant",
        ),
        (
            &format!("{hook}filter = \"event.type == \""),
            "line 6, sink.filter: it cannot be read at line 1, column 15 of the expression: Syntax error: mismatched input '<EOF>'",
        ),
        (
            &format!("{hook}filter = \"changed == []\""),
            "line 6, sink.filter: it knows nothing of 'changed': all that it can ask for is in `event`",
        ),
        (
            &format!("{hook}batch = 5"),
            "line 6, sink.batch: only mode = \"batched\" has batches: set it, or leave this key out",
        ),
        (
            &format!("{hook}secret = \"hunter2\""),
            "line 6, sink.secret: a signing secret begins with whsec_ or whsk_, followed by base64",
        ),
        (
            &format!("{hook}headers = {{ webhook-id = \"1\" }}"),
            "line 6, sink.headers: 'webhook-id' is set by the listener itself: leave it out",
        ),
        (
            &format!("{hook}timeout = \"5m\""),
            "line 6, sink.timeout: a request takes between one second and a minute: write \"15s\"",
        ),
        (
            &format!("{hook}types = [\"[\"]"),
            "line 6, sink.types: '[' is not a glob: unclosed character class; missing ']'",
        ),
        (
            &format!("{hook}start = \"yesterday\""),
            "line 6, sink.start: 'yesterday' is not a start: use now, beginning, or the `sequence` of an event",
        ),
    ] {
        assert_eq!(read(&sink(keys), &[]).expect_err(keys), message);
    }
}

#[test]
fn what_only_one_sink_can_have_is_refused_to_another() {
    for (keys, message) in [
        (
            "type = \"stdout\"\n[[sink]]\nname = \"orders\"\ntype = \"stdout\"",
            "line 6, sink.name: 'orders' is the name of another sink: give this one its own",
        ),
        (
            "type = \"file\"\npath = \"a\"\n[[sink]]\nname = \"b\"\ntype = \"file\"\npath = \"./a\"",
            "line 9, sink.path: another sink writes to this file already: give each its own",
        ),
        (
            "type = \"stdout\"\n[[sink]]\nname = \"b\"\ntype = \"stdout\"",
            "line 7, sink.type: another sink writes to standard output already: two would mix their lines",
        ),
    ] {
        assert_eq!(read(&sink(keys), &[]).expect_err(keys), message);
    }
}

#[test]
fn what_is_wrong_with_a_channel_is_told_with_its_line() {
    let hook = "type = \"webhook\"\nurl = \"https://hooks.example/T0K3N\"\n";
    for (keys, message) in [
        (
            "type = \"teams\"\nurl = \"http://hooks.example/T0K3N\"",
            "line 5, sink.url: whoever reads this address may post to the channel: use https, or set allow_private = true",
        ),
        (
            "type = \"connector\"\nurl = \"https://a.example/\"\nsecret = \"hunter2\"",
            "line 6, sink.secret: only sinks with type = \"webhook\" have it: leave it out",
        ),
        (
            &format!("{hook}card = {{ file = \"a.jinja\" }}"),
            "line 6, sink.card: only sinks with type = \"teams\" or \"connector\" have it: leave it out",
        ),
    ] {
        assert_eq!(read(&sink(keys), &[]).expect_err(keys), message);
    }
}
