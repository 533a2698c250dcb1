//! A token that is refused because something about it is not enough: the answer says what has to be asked for.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use serde_json::Value;

/// The claims that a refusal asks for, as JSON; none where it asks for none.
pub(super) fn claims(headers: &HeaderMap) -> Option<String> {
    let challenges = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    challenges.into_iter().find_map(|challenge| {
        let insufficient = parameter(challenge, "error")? == "insufficient_claims";
        let encoded = parameter(challenge, "claims").filter(|_| insufficient)?;
        let encoded = encoded.trim_end_matches('=');
        // Seen in both alphabets, with and without padding.
        let plain = encoded.replace('+', "-").replace('/', "_");
        let decoded = URL_SAFE_NO_PAD.decode(plain).or_else(|_| STANDARD.decode(encoded)).ok()?;
        let text = String::from_utf8(decoded).ok()?;
        // It goes into the next request as it stands, so it has to be what it is said to be.
        matches!(serde_json::from_str(&text), Ok(Value::Object(_))).then_some(text)
    })
}

/// The value of `name="…"` in a challenge.
fn parameter<'a>(challenge: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = challenge;
    loop {
        let (before, after) = rest.split_once("=\"")?;
        let (value, next) = after.split_once('"')?;
        let key = before.rsplit([' ', ',']).next().unwrap_or(before);
        if key.eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    const CLAIMS: &str = r#"{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}"#;

    fn asked(challenges: &[String]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for challenge in challenges {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(challenge).unwrap());
        }
        claims(&headers)
    }

    fn challenge(error: &str, claims: &str) -> String {
        format!(
            r#"Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="0", error="{error}", claims="{claims}""#
        )
    }

    #[test]
    fn the_claims_of_a_challenge_are_read_however_they_are_encoded() {
        for encoded in [STANDARD.encode(CLAIMS), URL_SAFE_NO_PAD.encode(CLAIMS)] {
            assert_eq!(asked(&[challenge("insufficient_claims", &encoded)]).as_deref(), Some(CLAIMS));
        }
        let other = r#"Basic realm="x""#.to_owned();
        let ours = challenge("insufficient_claims", &STANDARD.encode(CLAIMS));
        assert_eq!(asked(&[other, ours]).as_deref(), Some(CLAIMS));
    }

    #[test]
    fn nothing_is_asked_for_by_any_other_refusal() {
        let good = STANDARD.encode(CLAIMS);
        for challenge in [
            String::new(),
            "Bearer".to_owned(),
            challenge("invalid_token", &good),
            challenge("insufficient_claims", "%%%"),
            challenge("insufficient_claims", &STANDARD.encode("[1]")),
            challenge("insufficient_claims", &STANDARD.encode("not JSON")),
            r#"Bearer error="insufficient_claims", claims="#.to_owned(),
            r#"Bearer error="insufficient_claims", xclaims="e30""#.to_owned(),
        ] {
            assert_eq!(asked(std::slice::from_ref(&challenge)), None, "{challenge}");
        }
    }
}
