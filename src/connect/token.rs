//! Tokens that are known by their hash.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::store::TokenHash;

/// Bytes of a token: nobody guesses it, so its hash needs no salt.
const BYTES: usize = 32;
/// Its length as text.
const LETTERS: usize = 43;

/// A new token, as text for an address.
pub(super) fn new() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; BYTES]>())
}

/// The hash of what may be a token; what has not the form of one has none.
pub(super) fn hash(text: &str) -> Option<TokenHash> {
    let form = text.len() == LETTERS
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if form { digest(&SHA256, text.as_bytes()).as_ref().try_into().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_the_form_of_one_and_is_new_each_time() {
        let (one, other) = (new(), new());
        assert_ne!(one, other);
        assert!(hash(&one).is_some() && hash(&one) != hash(&other));
        for bad in ["", "a", &one[1..], &format!("{one}a"), &"/".repeat(LETTERS)] {
            assert_eq!(hash(bad), None, "{bad}");
        }
    }
}
