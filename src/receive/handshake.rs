//! The handshake: Office 365 asks whether we are there, and wants its token back, decoded and nothing else.
//!
//! Anybody can ask, so the answer is plain text that no browser takes for anything else, its length is bounded,
//! and control characters are refused. Beyond that a token may be anything: today it is a sentence with spaces.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use percent_encoding::percent_decode;

/// Longest token given back, decoded, in bytes; real ones have some 120.
const LONGEST_TOKEN: usize = 4096;

/// Whether a request with this query is a handshake. Graph writes `validationToken`, SharePoint
/// `validationtoken`.
pub fn is_one(query: Option<&str>) -> bool {
    raw_token(query).is_some()
}

/// What is given back to a request with this query: the decoded token. `None`: it is no handshake, or its token is
/// one that is not given back (longer than 4096 bytes, no UTF-8, control characters).
pub fn token(query: Option<&str>) -> Option<String> {
    raw_token(query).and_then(echo)
}

/// Answers it.
pub(super) async fn answer(request: HttpRequest) -> HttpResponse {
    match token(request.uri().query()) {
        Some(token) => HttpResponse::Ok()
            .insert_header((header::CONTENT_TYPE, HeaderValue::from_static("text/plain")))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .body(token),
        None => HttpResponse::BadRequest().finish(),
    }
}

fn raw_token(query: Option<&str>) -> Option<&str> {
    query?.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        form_decoded(key).eq_ignore_ascii_case(b"validationtoken").then_some(value)
    })
}

/// The decoded token, unless it is one that is not given back.
fn echo(raw: &str) -> Option<String> {
    // Bytes that are no text cannot be given back as text exactly.
    String::from_utf8(form_decoded(raw))
        .ok()
        .filter(|token| token.len() <= LONGEST_TOKEN && !token.chars().any(char::is_control))
}

/// `application/x-www-form-urlencoded`: `+` is a space. Percent-decoding alone would leave it, and the
/// handshake would fail.
fn form_decoded(text: &str) -> Vec<u8> {
    let spaced = text.replace('+', " ");
    percent_decode(spaced.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use url::form_urlencoded::byte_serialize;

    /// What is given back to a handshake.
    fn answered(query: &str) -> Option<String> {
        echo(raw_token(Some(query)).expect("this is a handshake"))
    }

    #[test]
    fn the_token_comes_back_decoded_and_otherwise_unchanged() {
        for (query, token) in [
            ("validationToken=abc", "abc"),
            ("validationtoken=abc", "abc"),
            ("VALIDATIONTOKEN=abc", "abc"),
            ("validation%54oken=abc", "abc"),
            ("key=1&validationToken=abc&x=y", "abc"),
            ("validationToken=first&validationToken=second", "first"),
            (
                "validationToken=Validation%3a+Testing+client+application+reachability+for+subscription+Request-Id%3a+1b2c",
                "Validation: Testing client application reachability for subscription Request-Id: 1b2c",
            ),
            ("validationToken=a%2Bb%20c+d", "a+b c d"),
            ("validationToken=+a+", " a "),
            ("validationToken=%C3%A9", "é"),
            ("validationToken=a=b", "a=b"),
            ("validationToken=100%", "100%"),
            ("validationToken=", ""),
            ("validationToken", ""),
        ] {
            assert_eq!(answered(query).as_deref(), Some(token), "{query}");
        }
    }

    #[test]
    fn control_characters_broken_text_and_endless_tokens_are_refused() {
        let long = format!("validationToken={}", "a".repeat(LONGEST_TOKEN + 1));
        for query in [
            "validationToken=a%0D%0Ab",
            "validationToken=%00",
            "validationToken=%7F",
            "validationToken=%C2%85",
            "validationToken=%FF",
            &long,
        ] {
            assert_eq!(answered(query), None, "{query}");
        }
        assert!(answered(&long[..long.len() - 1]).is_some());
    }

    #[test]
    fn other_queries_are_no_handshake() {
        for query in ["", "validation=1", "xvalidationToken=1", "a=validationToken", "validationToken2=1"] {
            assert!(!is_one(Some(query)), "{query}");
        }
        assert!(!is_one(None));
    }

    proptest! {
        #[test]
        fn any_printable_token_survives_form_encoding(token in "[ -~\u{a0}-\u{d7ff}]{0,200}") {
            let encoded: String = byte_serialize(token.as_bytes()).collect();
            prop_assert_eq!(answered(&format!("validationToken={encoded}")), Some(token));
        }
    }
}
