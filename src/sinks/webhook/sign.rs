//! Signatures as Standard Webhooks wants them: over id, time and body, one for each secret.

use anyhow::anyhow;
use aws_lc_rs::hmac;
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};

use crate::config::SigningSecret;

/// Signs requests with all secrets that are known, so that a receiver may change over at any time.
pub(super) struct Signer(Vec<Key>);

enum Key {
    Symmetric(Box<hmac::Key>),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    pub fn new(secrets: &[SigningSecret]) -> anyhow::Result<Self> {
        let keys = secrets.iter().map(|secret| {
            Ok(match secret {
                SigningSecret::Symmetric(key) => {
                    Key::Symmetric(Box::new(hmac::Key::new(hmac::HMAC_SHA256, key)))
                }
                SigningSecret::Ed25519(seed) => Key::Ed25519(
                    Ed25519KeyPair::from_seed_unchecked(seed)
                        .map_err(|_| anyhow!("secret: no ed25519 key"))?,
                ),
            })
        });
        keys.collect::<anyhow::Result<_>>().map(Self)
    }

    /// The three headers. The id is there without a secret, too: it tells a repetition.
    pub fn sign(&self, id: &str, now: DateTime<Utc>, body: &[u8]) -> Vec<(&'static str, String)> {
        let time = now.timestamp().to_string();
        let signed = [id.as_bytes(), b".", time.as_bytes(), b".", body];
        let signatures: Vec<String> = self.0.iter().map(|key| key.sign(signed)).collect();
        let signature = (!signatures.is_empty()).then(|| ("webhook-signature", signatures.join(" ")));
        let headers = [("webhook-id", id.to_owned()), ("webhook-timestamp", time)];
        headers.into_iter().chain(signature).collect()
    }
}

impl Key {
    fn sign(&self, text: [&[u8]; 5]) -> String {
        match self {
            Self::Symmetric(key) => {
                let mut signed = hmac::Context::with_key(key);
                for part in text {
                    signed.update(part);
                }
                format!("v1,{}", STANDARD.encode(signed.sign()))
            }
            Self::Ed25519(pair) => format!("v1a,{}", STANDARD.encode(pair.sign(&text.concat()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{ED25519, KeyPair as _, UnparsedPublicKey};

    fn secret(text: &str) -> SigningSecret {
        let bytes = zeroize::Zeroizing::new(STANDARD.decode(text.split_once('_').unwrap().1).unwrap());
        if text.starts_with("whsec_") {
            SigningSecret::Symmetric(bytes)
        } else {
            SigningSecret::Ed25519(bytes)
        }
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn the_published_example_has_the_published_signature() {
        let signer = Signer::new(&[secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]).unwrap();
        let headers =
            signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at(1_614_265_330), br#"{"test": 2432232314}"#);
        let expected = [
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ];
        assert_eq!(headers, expected.map(|(name, value)| (name, value.to_owned())));
    }

    #[test]
    fn every_secret_signs_and_the_public_half_of_a_key_accepts_it() {
        let key = format!("whsk_{}", STANDARD.encode([7; 32]));
        let signer = Signer::new(&[secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), secret(&key)]).unwrap();
        let headers = signer.sign("id", at(1), b"body");
        let (_, signatures) = &headers[2];
        let (first, second) = signatures.split_once(' ').unwrap();
        assert!(first.starts_with("v1,"), "{first}");
        let signature = STANDARD.decode(second.strip_prefix("v1a,").unwrap()).unwrap();
        let public = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap().public_key().as_ref().to_vec();
        UnparsedPublicKey::new(&ED25519, public).verify(b"id.1.body", &signature).unwrap();
    }

    #[test]
    fn without_a_secret_there_is_an_id_and_no_signature() {
        let signed = Signer::new(&[]).unwrap().sign("id", at(1), b"body");
        assert_eq!(
            signed.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            ["webhook-id", "webhook-timestamp"]
        );
    }
}
