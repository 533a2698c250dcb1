//! What the Connect button asks of a configuration.

use super::*;

const KEY: &str = "store.encryption_key = \"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\"";
const LEAST: &str =
    "[connector]\napp_id = \"00000000-0000-0000-0000-000000000001\"\nservice_name = \"Changes\"";

fn read(text: &str) -> Result<Config, String> {
    let text = format!("public_url = \"https://hooks.contoso.com\"\n{text}");
    parse(&text, &Environment::new(Vec::new()))
        .map_err(|(place, fault)| format!("{place}, {}: {}", fault.path, fault.message))
}

#[test]
fn the_button_needs_a_key_for_the_addresses_that_come() {
    assert!(read("").unwrap().connector.is_none());
    let said = read(LEAST).unwrap_err();
    assert!(said.starts_with("line 3, connector.app_id: ") && said.contains("openssl rand"), "{said}");
    let connector = read(&format!("{KEY}\n{LEAST}")).unwrap().connector.unwrap();
    assert_eq!(connector.connect_url.as_str(), "https://outlook.office.com/connectors/Connect");
    let shown = "allowed_hosts = [\"*.office.com\", \"*.office365.com\"]";
    let written = read(&format!("{KEY}\n{LEAST}\n{shown}")).unwrap().connector.unwrap();
    assert_eq!(connector.allowed_hosts, written.allowed_hosts);
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_line() {
    for (line, words) in [
        ("allowed_hosts = [\"*\"]", "line 6, connector.allowed_hosts"),
        ("allowed_hosts = []", "the list is empty"),
        ("connect_url = \"http://outlook.office.com/connectors/Connect\"", "line 6, connector.connect_url"),
        ("colour = \"red\"", "unknown key `colour`"),
    ] {
        let said = read(&format!("{KEY}\n{LEAST}\n{line}")).unwrap_err();
        assert!(said.contains(words), "{line}: {said}");
    }
    let said = read(&format!("{KEY}\n[connector]\nservice_name = \"a\"")).unwrap_err();
    assert!(said.contains("missing key `app_id`"), "{said}");
    let said = read(&format!("{KEY}\n[connector]\napp_id = \"x\"\nservice_name = \"a\"")).unwrap_err();
    assert!(said.starts_with("line 4, connector.app_id"), "{said}");
    assert!(said.contains("'x' is no id: write the one of the registration"), "{said}");
}
