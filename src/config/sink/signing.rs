use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// Lengths that Standard Webhooks allows a symmetric secret, in bytes.
const SYMMETRIC: std::ops::RangeInclusive<usize> = 24..=64;
/// Length of an ed25519 seed; a key may have its public half behind it.
const SEED: usize = 32;

/// What requests to a webhook are signed with, as Standard Webhooks writes it.
#[derive(Clone)]
pub enum SigningSecret {
    /// `whsec_…`: a key that both sides know, for HMAC-SHA256.
    Symmetric(Zeroizing<Vec<u8>>),
    /// `whsk_…`: the private half of an ed25519 key, as its seed.
    Ed25519(Zeroizing<Vec<u8>>),
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl SigningSecret {
    /// Reads it; an error says what to write, but not what was written.
    pub(super) fn read(secret: &Secret) -> Result<Self, String> {
        let text = secret.expose();
        if let Some(encoded) = text.strip_prefix("whsec_") {
            let key = decode(encoded, "whsec_")?;
            if !SYMMETRIC.contains(&key.len()) {
                return Err(format!(
                    "a whsec_ secret holds 24 to 64 bytes, this one {}: make one with `openssl rand -base64 32`",
                    key.len()
                ));
            }
            return Ok(Self::Symmetric(key));
        }
        if let Some(encoded) = text.strip_prefix("whsk_") {
            let mut key = decode(encoded, "whsk_")?;
            if key.len() != SEED && key.len() != 2 * SEED {
                return Err(format!(
                    "a whsk_ secret holds an ed25519 key of 32 or 64 bytes, this one has {}",
                    key.len()
                ));
            }
            key.truncate(SEED);
            return Ok(Self::Ed25519(key));
        }
        Err("a signing secret begins with whsec_ or whsk_, followed by base64".to_owned())
    }
}

fn decode(encoded: &str, prefix: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    let decoded = STANDARD.decode(encoded).map(Zeroizing::new);
    decoded.map_err(|_| format!("what follows {prefix} is not base64"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SigningSecret, String> {
        SigningSecret::read(&Secret::new(text))
    }

    #[test]
    fn both_kinds_of_secret_are_read_and_printed_as_nothing() {
        let seed = STANDARD.encode([7; 32]);
        for good in ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(), format!("whsk_{seed}")] {
            assert_eq!(format!("{:?}", read(&good).unwrap()), "[secret]");
        }
        let whole = read(&format!("whsk_{}", STANDARD.encode([7; 64]))).unwrap();
        assert!(matches!(whole, SigningSecret::Ed25519(seed) if *seed == [7; 32]));
    }

    #[test]
    fn what_is_no_secret_is_told_without_being_repeated() {
        for (bad, words) in [
            ("hunter2", "begins with whsec_ or whsk_"),
            ("whsec_hunter2!", "is not base64"),
            ("whsec_aHVudGVyMg==", "24 to 64 bytes, this one 7"),
            ("whsk_aHVudGVyMg==", "32 or 64 bytes, this one has 7"),
        ] {
            let error = read(bad).unwrap_err();
            assert!(error.contains(words) && !error.contains("hunter2"), "{error}");
        }
    }
}
