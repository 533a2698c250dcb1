use super::*;
use crate::sinks::card::{CONNECTOR, TEAMS};

fn written(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("card.jinja");
    std::fs::write(&file, text).unwrap();
    (folder, file)
}

fn said(text: &str, service: &'static Service) -> String {
    let (_folder, file) = written(text);
    Template::new(Some(&file), service).err().map(|error| format!("{error:#}")).unwrap_or_default()
}

/// An event of the samples, with other data.
fn event(data: &Value) -> Event {
    let mut event = samples::all().unwrap().remove(1).1.remove(0);
    event.data = serde_json::value::RawValue::from_string(data.to_string()).unwrap();
    event
}

fn card(service: &'static Service, events: &[Event]) -> Value {
    let card = Template::new(None, service).unwrap().card(events, service.largest).unwrap();
    serde_json::from_slice(&card).unwrap()
}

#[test]
fn a_change_is_told_with_who_what_and_a_way_to_the_item() {
    let events = samples::all().unwrap().remove(1).1;
    let teams = card(&TEAMS, &events);
    insta::assert_json_snapshot!(teams["attachments"][0]["content"]["body"], @r#"
    [
      {
        "size": "medium",
        "text": "Ada Lovelace was changed",
        "type": "TextBlock",
        "weight": "bolder",
        "wrap": true
      },
      {
        "isSubtle": true,
        "spacing": "none",
        "text": "List item in sample, {{DATE(1970-01-01T00:00:00Z,SHORT)}} {{TIME(1970-01-01T00:00:00Z)}}",
        "type": "TextBlock",
        "wrap": true
      },
      {
        "facts": [
          {
            "title": "By",
            "value": "Alice Example"
          },
          {
            "title": "Status",
            "value": "New → Hired"
          },
          {
            "title": "Start date",
            "value": "2026-12-01"
          }
        ],
        "type": "FactSet"
      }
    ]
    "#);
    let url = "https://contoso.sharepoint.com/sites/hr/Lists/Candidates/17_.000";
    assert_eq!(teams["attachments"][0]["content"]["actions"][0]["url"], url);
    let connector = card(&CONNECTOR, &events);
    assert_eq!(connector["sections"][0]["activityTitle"], "**Ada Lovelace** was changed");
    assert_eq!(connector["potentialAction"][0]["targets"][0]["uri"], url);
}

#[test]
fn many_events_are_one_card_with_their_number_that_fits() {
    let long = "🦀".repeat(400);
    let many: Vec<String> = (0..200).map(|number| format!("fields.Column{number}")).collect();
    let fields: serde_json::Map<String, Value> =
        many.iter().map(|key| (key.replace("fields.", ""), Value::from(long.as_str()))).collect();
    let large = event(&serde_json::json!({"changed": many, "previous": {}, "resource": {"fields": fields}}));
    for service in [&TEAMS, &CONNECTOR] {
        for events in [vec![large.clone()], vec![large.clone(); 500]] {
            let template = Template::new(None, service).unwrap();
            for largest in [service.largest, 5_000] {
                let bytes = template.card(&events, largest).unwrap();
                assert!(bytes.len() <= largest, "{} of {largest}", bytes.len());
                let text = String::from_utf8(bytes).unwrap();
                assert!(events.len() == 1 || text.contains("500 changes in sample"), "{text}");
            }
            assert!(template.card(&events, 100).unwrap_err().to_string().contains("100 are allowed"));
        }
    }
}

#[test]
fn what_an_item_is_called_never_becomes_a_link_or_a_mention() {
    let hostile = "[x](http://evil.example) <at>Ada</at> **b** {{DATE(x)}}";
    let event = event(&serde_json::json!({
        "changed": ["fields.[y](http://evil.example)", "fields.Status"],
        "previous": {"fields.Status": hostile},
        "resource": {"fields": {"Title": hostile, "Status": hostile}, "webUrl": "javascript:alert(1)"},
        "actor": {"name": hostile},
    }));
    for service in [&TEAMS, &CONNECTOR] {
        for events in [vec![event.clone()], vec![event.clone(); 3]] {
            let text = card(service, &events).to_string().replace(r"\\]", "");
            assert!(!text.contains("[x]") && !text.contains("](") && !text.contains("<at>"), "{text}");
            assert!(!text.contains("http://evil") && !text.contains("javascript:"), "{text}");
            assert!(text.contains("evil.example"), "it is still told: {text}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_template_is_told_with_file_and_line() {
    for (text, words) in [
        ("{\n\"@type\": {{ nothing }}}", "card.jinja, line 2: undefined value"),
        ("{\n\n{% if %}", "card.jinja, line 3: syntax error"),
        ("{\"text\": {{ count }}", "card.jinja: this makes no JSON: EOF while parsing an object at line 1"),
        ("{\"@type\": \"Other\"}", "wants \"@type\": \"MessageCard\""),
        ("{\"@type\": \"MessageCard\", \"@context\": \"x\"}", "wants a `summary` or a `text`"),
        (
            "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
            "line 1: engine ran out of fuel",
        ),
        ("{% include \"/etc/passwd\" %}", "line 1: syntax error"),
        ("{{ told[7].name }}", "tried with o365.listItem.created"),
    ] {
        let said = said(text, &CONNECTOR);
        assert!(said.contains(words), "{text}: {said}");
    }
    let large = format!("\"{}\"", "x".repeat(30_000));
    let text = format!("{{\"@type\": \"MessageCard\", \"@context\": \"x\", \"text\": {large}}}");
    assert!(said(&text, &CONNECTOR).contains("20000 are allowed: shorten it"));
    assert!(said(&"x".repeat(300_000), &CONNECTOR).contains("262144 at most"));
    let missing = Template::new(Some(Path::new("/nowhere.jinja")), &TEAMS).err().unwrap();
    assert!(missing.to_string().contains("cannot read /nowhere.jinja"));
}

#[test]
fn a_template_of_ones_own_has_the_whole_event_and_can_make_it_safe() {
    let text = "{\"@type\": \"MessageCard\", \"@context\": \"x\", \"text\": \
                {{ told[0].event.data.changed | join(\", \") | markdown ~ \" of \" ~ told[0].name | plain }}}";
    let (_folder, file) = written(text);
    let template = Template::new(Some(&file), &CONNECTOR).unwrap();
    let event = event(&serde_json::json!({"changed": ["a_b"], "resource": {"fields": {"Title": "c_d"}}}));
    let card: Value = serde_json::from_slice(&template.card(&[event], 20_000).unwrap()).unwrap();
    assert_eq!(card["text"], "a\\_b of c_d");
}
