//! The query of a handshake, from anybody: what comes back is the token, exactly, and harmless.
#![no_main]

use libfuzzer_sys::fuzz_target;
use o365_listener::receive::handshake::{is_one, token};
use url::form_urlencoded::byte_serialize;

const LONGEST_TOKEN: usize = 4096;

fuzz_target!(|query: &str| {
    let answered = token(Some(query));
    let given = raw_token(query).map(decoded);
    assert_eq!(is_one(Some(query)), given.is_some());

    // All that may come back, and all that has to.
    let harmless = given
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .filter(|token| token.len() <= LONGEST_TOKEN && !token.chars().any(char::is_control));
    assert_eq!(answered, harmless);

    if let Some(answered) = answered {
        let again: String = byte_serialize(answered.as_bytes()).collect();
        assert_eq!(token(Some(&format!("a=1&VALIDATIONTOKEN={again}&b"))), Some(answered));
    }
});

/// The first value of that name, as it stands in the query.
fn raw_token(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| {
        let (name, value) = pair.split_at(pair.find('=').unwrap_or(pair.len()));
        decoded(name)
            .eq_ignore_ascii_case(b"validationToken")
            .then(|| value.strip_prefix('=').unwrap_or(value))
    })
}

/// Form decoding, written once more by hand: the target must not share a mistake with what it looks at.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().iter();
    let mut decoded = Vec::new();
    while let Some(&byte) = bytes.next() {
        let rest = bytes.as_slice();
        let escaped = match (byte, rest) {
            (b'%', [high, low, ..]) => digit(*high).zip(digit(*low)).map(|(high, low)| high * 16 + low),
            _ => None,
        };
        if escaped.is_some() {
            bytes.nth(1);
        }
        decoded.push(escaped.unwrap_or(if byte == b'+' { b' ' } else { byte }));
    }
    decoded
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
