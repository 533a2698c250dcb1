//! Sealing at rest ([`Sealer`]), and MACs: the `client_state` that tells our own notifications from everybody else's.
//!
//! It is derived, not stored: version, our id of the subscription, and a MAC over both. So a notification that
//! arrives before the create call has returned is recognised without a look-up, and a forged one costs its
//! sender a request and us one hash.

mod at_rest;
mod bindings;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

pub use at_rest::{Place, SealError, Sealer};
pub use bindings::Bindings;

use crate::model::SubscriptionId;

const VERSION: &str = "v1";

/// Length of the key in bytes.
pub const KEY_BYTES: usize = 32;

/// Makes and checks `client_state`s.
#[derive(Clone)]
pub struct ClientStates(hmac::Key);

impl ClientStates {
    /// Uses this key, which the store made at its first start and keeps.
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The `client_state` of a subscription: 79 ASCII characters; Graph allows 128.
    pub fn of(&self, id: SubscriptionId) -> String {
        let signed = format!("{VERSION}.{id}");
        let mac = URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, signed.as_bytes()));
        format!("{signed}.{mac}")
    }

    /// Whose `client_state` this is, if it is one of ours. The MAC is compared in constant time.
    pub fn verify(&self, client_state: &str) -> Option<SubscriptionId> {
        let (signed, mac) = client_state.rsplit_once('.')?;
        let id = signed.strip_prefix(VERSION)?.strip_prefix('.')?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        hmac::verify(&self.0, signed.as_bytes(), &mac).ok()?;
        Uuid::try_parse(id).ok().map(SubscriptionId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_made_with_the_key_is_recognised() {
        let states = ClientStates::new(&[7; KEY_BYTES]);
        let id = SubscriptionId(Uuid::from_u128(42));
        let state = states.of(id);
        assert!(state.len() <= 128 && state.is_ascii());
        assert_eq!(states.verify(&state), Some(id));

        let other = SubscriptionId(Uuid::from_u128(43));
        let mac = state.rsplit_once('.').unwrap().1;
        for forged in ["", "v1", "v1..", &state[1..], &format!("v1.{other}.{mac}"), &format!("v2.{id}.{mac}")]
        {
            assert_eq!(states.verify(forged), None, "{forged}");
        }
        assert_eq!(ClientStates::new(&[8; KEY_BYTES]).verify(&state), None);
    }
}
