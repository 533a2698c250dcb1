//! What is encrypted here opens there, and nothing else does.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::{Recipient, encrypt};
use crate::fetch::content::{DecryptionKey, Fault, open};
use crate::model::CertificateId;

/// Both sides of one certificate; making it takes a moment, so each test makes one.
fn pair() -> (Recipient, DecryptionKey) {
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let certificate = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap();
    let body = json!({
        "encryptionCertificate": STANDARD.encode(certificate.der()), "encryptionCertificateId": "one",
    });
    let recipient = Recipient::of(&body, "/users/u/messages?$select=subject").unwrap().unwrap();
    let id = CertificateId("one".to_owned());
    (recipient, DecryptionKey::new(id, certificate.der(), key.serialized_der()).unwrap())
}

fn element(recipient: &Recipient, plain: &[u8], key: &[u8; 32]) -> Value {
    json!({"encryptedContent": encrypt::encrypt(recipient, plain.to_vec(), key, None).unwrap()})
}

#[test]
fn any_content_comes_back_and_any_altered_bit_gives_the_same_answer() {
    let (recipient, key) = pair();
    let keys = [key];
    let config = ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() };
    let strategy = (
        prop::collection::hash_map("[a-zA-Z@._]{0,20}", "\\PC{0,60}", 0..8),
        any::<[u8; 32]>(),
        prop_oneof![Just("data"), Just("dataKey"), Just("dataSignature")],
        any::<Index>(),
        0..8_u8,
    );
    proptest!(config, |((content, aes, part, at, bit) in strategy)| {
        let plain = json!(content).to_string();
        let element = element(&recipient, plain.as_bytes(), &aes);
        let opened = open(element.to_string().as_bytes(), &keys).unwrap();
        prop_assert_eq!(Value::Object(opened.content), json!(content));
        let mut bytes = STANDARD.decode(element["encryptedContent"][part].as_str().unwrap()).unwrap();
        let length = bytes.len();
        bytes[at.index(length)] ^= 1 << bit;
        let mut altered = element;
        altered["encryptedContent"][part] = json!(STANDARD.encode(bytes));
        prop_assert_eq!(open(altered.to_string().as_bytes(), &keys), Err(Fault::Undecryptable));
    });
}

#[test]
fn what_is_no_object_is_unreadable_and_arbitrary_bytes_are_malformed() {
    let (recipient, key) = pair();
    let keys = [key];
    for plain in [&b""[..], b"[]", b"1", b"{", b"\xff", b"{\"a\":1}x"] {
        let element = element(&recipient, plain, &[7; 32]);
        assert_eq!(open(element.to_string().as_bytes(), &keys), Err(Fault::Unreadable), "{plain:?}");
    }
    let deep = format!("{{\"a\":{}", "[".repeat(100_000));
    let element = element(&recipient, deep.as_bytes(), &[7; 32]);
    assert_eq!(open(element.to_string().as_bytes(), &keys), Err(Fault::Unreadable));
    let config = ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(bytes in prop::collection::vec(any::<u8>(), 0..200))| {
        prop_assert_eq!(open(&bytes, &keys), Err(Fault::Malformed));
    });
}
