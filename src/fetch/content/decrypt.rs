use std::fmt::Write;

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey,
};
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use zeroize::Zeroizing;

use super::Fault;
use crate::model::CertificateId;

/// A private key, and the certificate whose public key Office 365 encrypts with.
pub struct DecryptionKey {
    /// What the certificate is called towards Office 365.
    pub id: CertificateId,
    /// The certificate's SHA-1 fingerprint in upper-case hexadecimal digits.
    pub thumbprint: String,
    key: OaepPrivateDecryptingKey,
}

/// What is encrypted, decoded from base64.
pub(super) struct Parts {
    pub data: Vec<u8>,
    pub data_key: Vec<u8>,
    pub data_signature: Vec<u8>,
}

impl DecryptionKey {
    /// From a certificate in DER and its private key in PKCS#8; none where the key is no RSA key.
    pub fn new(id: CertificateId, certificate: &[u8], pkcs8: &[u8]) -> Option<Self> {
        let key = PrivateDecryptingKey::from_pkcs8(pkcs8).ok()?;
        let key = OaepPrivateDecryptingKey::new(key).ok()?;
        let fingerprint = digest(&SHA1_FOR_LEGACY_USE_ONLY, certificate);
        let thumbprint = fingerprint.as_ref().iter().fold(String::new(), |mut text, byte| {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02X}");
            text
        });
        Some(Self { id, thumbprint, key })
    }

    /// Decrypts. Whether key, MAC or padding was wrong is not told.
    pub(super) fn decrypt(&self, parts: Parts) -> Result<Zeroizing<Vec<u8>>, Fault> {
        self.try_decrypt(parts).ok_or(Fault::Undecryptable)
    }

    fn try_decrypt(&self, parts: Parts) -> Option<Zeroizing<Vec<u8>>> {
        let Parts { data, data_key, data_signature } = parts;
        let mut key = Zeroizing::new(vec![0; self.key.min_output_size()]);
        let length = self.key.decrypt(&OAEP_SHA1_MGF1SHA1, &data_key, &mut key, None).ok()?.len();
        key.truncate(length);
        // Compared in constant time; nothing is decrypted before.
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &key), &data, &data_signature).ok()?;
        let algorithm = match key.len() {
            16 => &AES_128,
            24 => &AES_192,
            32 => &AES_256,
            _ => return None,
        };
        let iv = FixedLength::<16>::from(key.first_chunk::<16>()?);
        let cipher =
            PaddedBlockDecryptingKey::cbc_pkcs7(UnboundCipherKey::new(algorithm, &key).ok()?).ok()?;
        let mut data = Zeroizing::new(data);
        let length = cipher.decrypt(&mut data, DecryptionContext::Iv128(iv)).ok()?.len();
        data.truncate(length);
        Some(data)
    }
}
