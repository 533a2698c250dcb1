use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};

use super::KEY_BYTES;

/// What the key is derived for, so that nothing else that is made with the same one can be taken for it.
const PURPOSE: &[u8] = b"browser binding v1";

/// Binds a value to a browser for a time: a text for a cookie that only we can make, and only for that value.
#[derive(Clone)]
pub struct Bindings(hmac::Key);

impl Bindings {
    /// Uses a key derived from this one.
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), PURPOSE);
        Self(hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()))
    }

    /// The text for this value, good until then.
    pub fn of(&self, value: &str, until: DateTime<Utc>) -> String {
        let until = until.timestamp();
        let mac = hmac::sign(&self.0, signed(value, until).as_bytes());
        format!("{until}.{}", URL_SAFE_NO_PAD.encode(mac))
    }

    /// Whether a text binds this value, and still does. The MAC is compared in constant time.
    pub fn holds(&self, text: &str, value: &str, now: DateTime<Utc>) -> bool {
        let Some((until, mac)) = text.split_once('.') else { return false };
        let (Ok(until), Ok(mac)) = (until.parse::<i64>(), URL_SAFE_NO_PAD.decode(mac)) else { return false };
        now.timestamp() < until && hmac::verify(&self.0, signed(value, until).as_bytes(), &mac).is_ok()
    }
}

fn signed(value: &str, until: i64) -> String {
    format!("{until}.{value}")
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_binding_is_good_for_one_value_and_for_its_time() {
        let (bindings, now) = (Bindings::new(&[7; KEY_BYTES]), DateTime::UNIX_EPOCH);
        let until = now + TimeDelta::minutes(10);
        let text = bindings.of("state", until);
        assert!(bindings.holds(&text, "state", now));
        assert!(!bindings.holds(&text, "other", now) && !bindings.holds(&text, "state", until));
        let (_, mac) = text.split_once('.').unwrap();
        for forged in ["", ".", "601.", &format!("601.{mac}"), &text[1..]] {
            assert!(!bindings.holds(forged, "state", now), "{forged}");
        }
        assert!(!Bindings::new(&[8; KEY_BYTES]).holds(&text, "state", now));
    }
}
