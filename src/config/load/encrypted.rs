//! What encrypted content asks of a configuration.

use super::*;

const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const RICH: &str = r#"[[tenant]]
name = "contoso"
tenant_id = "contoso.com"
client_id = "11111111-2222-3333-4444-555555555555"
client_secret = "hunter2"
[[subscription]]
name = "a"
tenant = "contoso"
resource = "mail:alice@contoso.com/inbox"
include_resource_data = true
"#;

fn read(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let text = format!("public_url = \"https://hooks.contoso.com\"\n{text}");
    parse(&text, &Environment::new(variables))
        .map_err(|(place, fault)| format!("{place}, {}: {}", fault.path, fault.message))
}

fn keys(config: &Config) -> Vec<&str> {
    config.store.encryption_keys.iter().map(crate::secret::Secret::expose).collect()
}

#[test]
fn encrypted_content_needs_a_key_and_says_how_to_make_one() {
    let said = read(RICH, &[]).unwrap_err();
    assert!(said.starts_with("line 11, subscription.include_resource_data: "), "{said}");
    assert!(said.contains("openssl rand -base64 32") && said.contains("encryption_key = "), "{said}");
    let config = read(&format!("[store]\nencryption_key = \"{KEY}\"\n{RICH}"), &[]).unwrap();
    assert!(
        config.subscriptions[0].include_resource_data && config.subscriptions[0].wish().include_resource_data
    );
    assert!(!format!("{config:?}").contains(KEY), "the key is shown");
    let said = read("[encryption]\ncertificate = \"a\"\nkey = \"b\"", &[]).unwrap_err();
    assert!(said.starts_with("line 4, encryption.key: ") && said.contains("openssl rand"), "{said}");
}

#[test]
fn one_key_or_a_list_of_them_comes_from_wherever_secrets_come_from() {
    let variables = [("NEW", KEY), ("OLD", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")];
    let config = read("store.encryption_key = { env = \"NEW\" }", &variables).unwrap();
    assert_eq!(keys(&config), [KEY]);
    let config = read("store.encryption_key = [{ env = \"NEW\" }, { env = \"OLD\" }]", &variables).unwrap();
    assert_eq!(keys(&config), [KEY, variables[1].1]);
    let config = read("", &[("O365_LISTENER__STORE__ENCRYPTION_KEY", KEY)]).unwrap();
    assert_eq!(keys(&config), [KEY]);
}

#[test]
fn what_is_no_key_is_refused_without_being_shown() {
    for (text, words) in [
        ("\"hunter2\"", "a key is 32 random bytes in base64"),
        ("\"MDEyMzQ1Njc4OWFiY2RlZg==\"", "a key is 32 random bytes in base64"),
        ("12345", "a number is no secret"),
        ("[]", "the list is empty"),
        ("[\"hunter2\"]", "a key is 32 random bytes in base64"),
        ("{ env = \"NOWHERE\" }", "the environment variable NOWHERE is not set"),
    ] {
        let said = read(&format!("[store]\nencryption_key = {text}"), &[]).unwrap_err();
        assert!(said.starts_with("line 3, store.encryption_key: ") && said.contains(words), "{text}: {said}");
        assert!(!said.contains("hunter2") && !said.contains("12345"), "{said}");
    }
}

#[test]
fn a_certificate_is_given_with_its_key_or_not_at_all() {
    let with =
        |lines: &str| read(&format!("[encryption]\n{lines}\n[store]\nencryption_key = \"{KEY}\""), &[]);
    assert_eq!(with("").unwrap().encryption, None);
    let given = with("certificate = \"a\"\nkey = \"b\"").unwrap().encryption.unwrap();
    assert_eq!((given.certificate.to_str(), given.key.to_str()), (Some("a"), Some("b")));
    let said = with("key = \"b\"").unwrap_err();
    assert_eq!(said, "line 3, encryption.key: certificate is missing: name both files, or leave both out");
}

#[test]
fn what_microsoft_does_not_send_along_is_not_selected() {
    let with = |select: &str| {
        read(&format!("store.encryption_key = \"{KEY}\"\n{RICH}select = [\"replyTo\", \"{select}\"]"), &[])
    };
    with("importance").unwrap();
    let said = with("Body").unwrap_err();
    assert!(said.contains("subscription.select: Microsoft does not send 'Body' along"), "{said}");
}
