use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::KEY_BYTES;
use crate::secret::Secret;

/// The form of what is sealed: this byte, the nonce, the encrypted bytes with their tag.
const FORM: u8 = 1;

/// Seals what is secret before it is stored, and opens it again: AES-256-GCM, with a random nonce for each.
///
/// What was sealed for one place of the store opens only there.
pub struct Sealer {
    /// The first seals, all open.
    keys: Vec<RandomizedNonceKey>,
}

/// Where something is stored.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The table.
    pub table: &'a str,
    /// The column.
    pub column: &'a str,
    /// The row's key.
    pub row: &'a str,
}

/// Why something was not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// A key is not what it must be.
    #[error("it is not 32 bytes in base64; `openssl rand -base64 32` makes such a key")]
    Key,
    /// The library did not seal.
    #[error("it could not be sealed")]
    NotSealed,
    /// None of the keys opens it, or it was sealed for another place, or it was altered.
    #[error("none of the keys in [store] encryption_key opens it")]
    NotOpened,
}

impl Sealer {
    /// With these keys, each 32 bytes in base64; none where there is no key.
    pub fn new(keys: &[Secret]) -> Result<Option<Self>, SealError> {
        let keys: Vec<_> = keys.iter().map(key).collect::<Result<_, _>>()?;
        Ok((!keys.is_empty()).then_some(Self { keys }))
    }

    /// Seals something for one place.
    pub fn seal(&self, place: Place<'_>, mut bytes: Vec<u8>) -> Result<Vec<u8>, SealError> {
        let key = self.keys.first().ok_or(SealError::NotSealed)?;
        let nonce = key.seal_in_place_append_tag(place.aad(), &mut bytes);
        let nonce = nonce.map_err(|_| SealError::NotSealed)?;
        let mut sealed = Vec::with_capacity(1 + NONCE_LEN + bytes.len());
        sealed.push(FORM);
        sealed.extend_from_slice(nonce.as_ref());
        sealed.append(&mut bytes);
        Ok(sealed)
    }

    /// Opens what was sealed for this place.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        self.keys.iter().find_map(|key| open(key, place, sealed)).ok_or(SealError::NotOpened)
    }

    /// Seals anew what a former key has sealed, so that this key can go; `None`: the present one has.
    pub fn reseal(&self, place: Place<'_>, sealed: &[u8]) -> Result<Option<Vec<u8>>, SealError> {
        if self.keys.first().is_some_and(|key| open(key, place, sealed).is_some()) {
            return Ok(None);
        }
        self.seal(place, self.open(place, sealed)?.to_vec()).map(Some)
    }
}

fn open(key: &RandomizedNonceKey, place: Place<'_>, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (&FORM, sealed) = sealed.split_first()? else { return None };
    let (nonce, encrypted) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let mut bytes = Zeroizing::new(encrypted.to_vec());
    let length = key.open_in_place(Nonce::assume_unique_for_key(*nonce), place.aad(), &mut bytes);
    let length = length.ok()?.len();
    bytes.truncate(length);
    Some(bytes)
}

impl<'a> Place<'a> {
    /// Where encrypted content waits.
    pub const fn content(row: &'a str) -> Self {
        Self { table: "content", column: "sealed", row }
    }

    /// Where the private key of a certificate is kept.
    pub const fn certificate(row: &'a str) -> Self {
        Self { table: "certificate", column: "sealed_key", row }
    }

    /// Where the refresh token of a tenant's user is kept.
    pub const fn sign_in(row: &'a str) -> Self {
        Self { table: "sign_in", column: "sealed", row }
    }

    /// Where the address is kept that a group's cards are posted to.
    pub const fn connection(row: &'a str) -> Self {
        Self { table: "connection", column: "sealed_url", row }
    }

    fn aad(self) -> Aad<Vec<u8>> {
        Aad::from([self.table, self.column, self.row].join("\0").into_bytes())
    }
}

fn key(text: &Secret) -> Result<RandomizedNonceKey, SealError> {
    let bytes = STANDARD.decode(text.expose()).map(Zeroizing::new).map_err(|_| SealError::Key)?;
    if bytes.len() != KEY_BYTES {
        return Err(SealError::Key);
    }
    RandomizedNonceKey::new(&AES_256_GCM, &bytes).map_err(|_| SealError::Key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HERE: Place<'static> = Place { table: "content", column: "sealed", row: "17" };

    fn sealer(keys: &[u8]) -> Sealer {
        let keys: Vec<Secret> = keys.iter().map(|key| Secret::new(STANDARD.encode([*key; 32]))).collect();
        Sealer::new(&keys).unwrap().unwrap()
    }

    #[test]
    fn what_was_sealed_opens_only_in_its_place() {
        let one = sealer(&[1]);
        let sealed = one.seal(HERE, b"secret".to_vec()).unwrap();
        assert_eq!(**one.open(HERE, &sealed).unwrap(), *b"secret");
        assert_ne!(sealed, one.seal(HERE, b"secret".to_vec()).unwrap());
        for elsewhere in
            [Place { table: "c", ..HERE }, Place { column: "s", ..HERE }, Place { row: "18", ..HERE }]
        {
            assert_eq!(one.open(elsewhere, &sealed).unwrap_err(), SealError::NotOpened, "{elsewhere:?}");
        }
    }

    #[test]
    fn the_first_key_seals_and_all_open() {
        let (old, new) = (sealer(&[1]), sealer(&[2, 1]));
        let sealed = old.seal(HERE, b"secret".to_vec()).unwrap();
        assert_eq!(**new.open(HERE, &sealed).unwrap(), *b"secret");
        let sealed = new.seal(HERE, b"secret".to_vec()).unwrap();
        assert!(old.open(HERE, &sealed).is_err());
        assert_eq!(**sealer(&[2]).open(HERE, &sealed).unwrap(), *b"secret");
    }

    #[test]
    fn what_a_former_key_has_sealed_is_sealed_anew_and_nothing_else() {
        let sealed = sealer(&[1]).seal(HERE, b"secret".to_vec()).unwrap();
        let both = sealer(&[2, 1]);
        let anew = both.reseal(HERE, &sealed).unwrap().unwrap();
        assert_eq!(**sealer(&[2]).open(HERE, &anew).unwrap(), *b"secret");
        assert_eq!(both.reseal(HERE, &anew).unwrap(), None);
        assert_eq!(sealer(&[2]).reseal(HERE, &sealed).unwrap_err(), SealError::NotOpened);
    }

    #[test]
    fn a_key_is_thirty_two_bytes_in_base64() {
        assert!(Sealer::new(&[]).unwrap().is_none());
        for text in ["", "secret", &STANDARD.encode([1; 31]), &STANDARD.encode([1; 33]), &"é".repeat(22)] {
            assert_eq!(Sealer::new(&[Secret::new(text)]).err(), Some(SealError::Key), "{text}");
        }
    }

    proptest! {
        #[test]
        fn anything_comes_back_and_nothing_altered_does(bytes in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let one = sealer(&[3]);
            let mut sealed = one.seal(HERE, bytes.clone()).unwrap();
            prop_assert_eq!(&**one.open(HERE, &sealed).unwrap(), &bytes);
            let length = sealed.len();
            sealed[at.index(length)] ^= 1 << bit;
            prop_assert_eq!(one.open(HERE, &sealed).unwrap_err(), SealError::NotOpened);
            prop_assert!(one.open(HERE, &sealed[..at.index(length)]).is_err());
        }
    }
}
