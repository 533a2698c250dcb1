use chrono::DateTime;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use super::*;
use crate::model::Cursor;

fn event(data: &Value) -> Event {
    Event {
        cursor: Cursor::at(42),
        id: "e".to_owned(),
        tenant: "contoso".parse().unwrap(),
        subscription: "hr-candidates".parse().unwrap(),
        event_type: "o365.driveItem.updated".to_owned(),
        subject: "17".to_owned(),
        time: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
        data: to_raw_value(data).unwrap(),
    }
}

fn said(text: &str) -> Said {
    let data = json!({
        "changed": ["name", "content"],
        "previous": {"name": "old.docx"},
        "resource": {"id": "17", "name": "new.docx", "size": 2048, "fields": {"Amount": 12.5, "Open": true, "Note": null}},
        "actor": {"id": "u", "name": "Ann", "kind": "user"},
    });
    Filter::read(text).unwrap_or_else(|error| panic!("{text}: {error}")).says_of(&event(&data))
}

#[test]
fn an_expression_sees_the_whole_event() {
    for wanted in [
        "\"name\" in event.data.changed",
        "event.subscription == 'hr-candidates' && event.tenant.startsWith('con')",
        "event.type.endsWith('.updated') || event.type.matches('created$')",
        "event.data.resource.size > 1000",
        "event.data.resource.size + 1 > 1000",
        "event.data.resource.fields.Amount >= 12.5",
        "event.data.resource.fields.Open",
        "event.data.resource.fields.Note == null",
        "has(event.data.resource.fields.Amount) && !has(event.data.resource.fields.Missing)",
        "event.data.changed.exists(one, one.startsWith('con'))",
        "event.data.changed.all(one, one != 'parent') && size(event.data.changed) == 2",
        "event.data.actor.kind == 'user'",
        "event.time.startsWith('2027-01-15T')",
        "event.sequence == '00000000000000000042'",
        "event['data']['previous']['name'] != event.data.resource.name",
    ] {
        assert_eq!(said(wanted), Said::Wanted, "{wanted}");
    }
    for unwanted in ["event.type == ''", "'parent' in event.data.changed", "event.data.resource.size < 1000"]
    {
        assert_eq!(said(unwanted), Said::Unwanted, "{unwanted}");
    }
}

#[test]
fn what_an_event_does_not_have_is_not_wanted_and_what_does_not_fit_says_nothing() {
    assert_eq!(said("event.data.resource.fields.Missing == 'x'"), Said::Unwanted);
    assert_eq!(said("event.nothing.at.all"), Said::Unwanted);
    for unfit in [
        "event.data.resource.name > 7",
        "event.data.changed",
        "1 / 0 == size(event.type)",
        "event.data.changed[7] == 'x'",
    ] {
        assert!(matches!(said(unfit), Said::Nothing(_)), "{unfit}: {:?}", said(unfit));
    }
}

#[test]
fn what_cannot_be_read_is_refused_with_its_place() {
    for (text, message) in [
        ("event.type ==", "it cannot be read at line 1, column 14 of the expression"),
        ("event.type == 'x'\n  && && true", "it cannot be read at line 2, column 6 of the expression"),
        ("", "it cannot be read"),
        ("data.changed == []", "it knows nothing of 'data'"),
        ("event.data.changed.all(x, y == x)", "it knows nothing of 'y'"),
        ("event.data.changed.all(x, event.data.changed.exists(y, x == y))", "stands in another"),
    ] {
        let error = Filter::read(text).err().unwrap_or_else(|| panic!("{text} was taken"));
        assert!(error.contains(message), "{text}: {error}");
    }
}

#[test]
fn what_is_never_true_or_false_or_the_same_for_all_is_refused() {
    for text in [
        "1 + 1",
        "'x'",
        "null",
        "[event.type]",
        "{'a': event.type}",
        "size(event.data.changed)",
        "event",
        "-event.data.resource.size",
        "event.data.changed.map(x, x)",
        "event.data.changed.filter(x, x == 'name')",
        "event.type == 'x' ? 1 : 2",
        "string(event.data.resource.size)",
    ] {
        let error = Filter::read(text).err().unwrap_or_else(|| panic!("{text} was taken"));
        assert!(error.contains("neither true nor false for any event"), "{text}: {error}");
    }
    for text in ["true", "false", "1 == 1", "[1, 2].exists(x, x == 1)"] {
        let error = Filter::read(text).err().unwrap_or_else(|| panic!("{text} was taken"));
        assert!(error.contains("the same of every event"), "{text}: {error}");
    }
    for text in [
        "event.data.resource.fields.Open",
        "!event.data.resource.fields.Open",
        "event['open']",
        "[1, 2].exists(x, x == event.data.resource.size)",
        "event.data.changed.exists_one(x, x == 'name')",
        "event.data.changed.all(x, x != 'parent')",
        "event.type == 'x' ? true : event.data.resource.fields.Open",
        "event.type.matches('x')",
        "has(event.data.actor)",
    ] {
        assert!(Filter::read(text).is_ok(), "{text}: {:?}", Filter::read(text));
    }
}

/// None of these may end the process, whatever is said of them.
#[test]
fn an_expression_that_is_meant_to_break_the_reader_does_not() {
    let many = |piece: &str, times: usize| piece.repeat(times);
    for text in [
        many("(", 1900),
        format!("{}1{}", many("(", 500), many(")", 500)),
        format!("{}1{}", many("[", 24), many("]", 24)),
        many("!", 1900) + "true",
        many("-", 1900) + "1 == 1",
        format!("{}true", many("true ? true : ", 140)),
        format!("{}true", many("true && ", 240)),
        format!("{}1 == 1", many("1 + ", 480)),
        format!("event{}", many(".a", 990)),
        format!("event{}", many("[0]", 660)),
        format!("event{}", many(".a()", 490)),
        format!("'{}' == ''", many("(", 1900)),
        many("\u{1F980}", 1990),
        "x".repeat(LONGEST + 1),
    ] {
        if let Ok(filter) = Filter::read(&text) {
            filter.says_of(&event(&json!({})));
        }
    }
}
