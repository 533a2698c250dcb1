use super::*;
use crate::config::{Sink as Configured, SinkKind};

/// The webhook of a configuration with these keys.
fn webhook(keys: &str) -> Webhook {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    let text =
        format!("public_url = \"https://a.example\"\n[[sink]]\nname = \"a\"\ntype = \"webhook\"\n{keys}");
    std::fs::write(&file, text).unwrap();
    let Configured { kind, .. } = crate::config::load(&file, []).unwrap().sinks.remove(0);
    let SinkKind::Webhook(webhook) = kind else { panic!("{kind:?}") };
    *webhook
}

#[test]
fn a_client_certificate_is_taken_with_its_key_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = ["a.pem", "a.key"].map(|name| folder.path().join(name));
    let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    let keys = format!(
        "url = \"https://a.example/\"\nclient_certificate = {{ certificate = {certificate:?}, key = {key:?} }}"
    );
    let open = || WebhookSink::new(&webhook(&keys), Clock::system()).err().map(|error| format!("{error:#}"));
    assert!(open().unwrap().contains("client_certificate: cannot read"));
    std::fs::write(&key, "no key").unwrap();
    assert!(open().unwrap().contains("client_certificate: this is no certificate with its key"));
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    assert_eq!(open(), None);
}

#[tokio::test]
async fn a_webhook_whose_name_is_not_found_or_leads_inside_is_told_by_a_check() {
    for (keys, words) in [
        ("url = \"https://nothing.invalid/T0K3N\"", "nothing.invalid cannot be used"),
        ("url = \"https://nothing.invalid/T0K3N\"\nallow_private = true", "nothing.invalid cannot be used"),
    ] {
        let said = WebhookSink::new(&webhook(keys), Clock::system()).unwrap().check().await.unwrap_err();
        assert!(said.contains(words) && !said.contains("T0K3N"), "{said}");
    }
    let inside = webhook("url = \"https://10.0.0.1/\"\nallow_private = true");
    WebhookSink::new(&inside, Clock::system()).unwrap().check().await.unwrap();
}
