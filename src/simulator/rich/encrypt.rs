//! Microsoft's scheme: a new AES key for each content, CBC with the key's first half as its first block, an HMAC
//! under the same key, and the key itself encrypted with RSA-OAEP (SHA-1) for the certificate.

use aws_lc_rs::cipher::{AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{ContentFault, Recipient};

/// The object `encryptedContent`; none only if the library fails.
pub(super) fn encrypt(
    recipient: &Recipient,
    mut data: Vec<u8>,
    key: &[u8; 32],
    fault: Option<ContentFault>,
) -> Option<Value> {
    let cipher = PaddedBlockEncryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_256, key).ok()?).ok()?;
    let first_block = FixedLength::<16>::from(key.first_chunk::<16>()?);
    cipher.less_safe_encrypt(&mut data, EncryptionContext::Iv128(first_block)).ok()?;
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &data);
    let mut mac = mac.as_ref().to_vec();
    if let (Some(ContentFault::BrokenMac), Some(byte)) = (fault, mac.first_mut()) {
        *byte ^= 1;
    }
    let public = match fault {
        Some(ContentFault::WrongKey) => PrivateDecryptingKey::generate(KeySize::Rsa2048).ok()?.public_key(),
        _ => PublicEncryptingKey::from_der(&recipient.public_key).ok()?,
    };
    let certificate_id = match fault {
        Some(ContentFault::UnknownCertificate) => "never-given",
        _ => &recipient.certificate_id,
    };
    Some(json!({
        "data": STANDARD.encode(&data),
        "dataKey": STANDARD.encode(wrap(public, key)?),
        "dataSignature": STANDARD.encode(mac),
        "encryptionCertificateId": certificate_id,
        "encryptionCertificateThumbprint": recipient.thumbprint,
    }))
}

fn wrap(public: PublicEncryptingKey, key: &[u8]) -> Option<Vec<u8>> {
    let public = OaepPublicEncryptingKey::new(public).ok()?;
    let mut wrapped = vec![0; public.ciphertext_size()];
    let length = public.encrypt(&OAEP_SHA1_MGF1SHA1, key, &mut wrapped, None).ok()?.len();
    wrapped.truncate(length);
    Some(wrapped)
}
