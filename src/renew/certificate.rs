//! Certificates with their private keys: made, or read from files and checked.

use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::PrivateDecryptingKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Datelike, Utc};
use rcgen::{
    CertificateParams, DnType, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use x509_parser::parse_x509_certificate;
use zeroize::Zeroizing;

/// What Microsoft accepts.
const BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// A certificate and its private key.
pub(super) struct Pair {
    /// DER.
    pub certificate: Vec<u8>,
    /// PKCS#8.
    pub key: Zeroizing<Vec<u8>>,
    /// Until when it is valid.
    pub expires_at: DateTime<Utc>,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be used.
    #[error("{file} cannot be used: {reason}")]
    File {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Certificate and key do not belong together.
    #[error("key is not the private key of certificate: give the one that the certificate was made with")]
    Mismatch,
    /// The library did not make one.
    #[error("a certificate could not be made: {0}")]
    NotMade(String),
}

/// Makes a key and a certificate for it, signed by itself, valid until the day of `until`.
pub(super) fn make(now: DateTime<Utc>, until: DateTime<Utc>) -> Result<Pair, CertificateError> {
    let not_made = |error: rcgen::Error| CertificateError::NotMade(error.to_string());
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).map_err(not_made)?;
    let mut params = CertificateParams::new(Vec::new()).map_err(not_made)?;
    params.distinguished_name.push(DnType::CommonName, "o365-listener: content of notifications");
    params.key_usages = vec![KeyUsagePurpose::KeyEncipherment, KeyUsagePurpose::DataEncipherment];
    let small = |number: u32| u8::try_from(number).unwrap_or(1);
    let day = |time: DateTime<Utc>| date_time_ymd(time.year(), small(time.month()), small(time.day()));
    params.not_before = day(now);
    params.not_after = day(until);
    let certificate = params.self_signed(&key).map_err(not_made)?;
    let expires_at = read_certificate(certificate.der()).map_err(CertificateError::NotMade)?.1;
    Ok(Pair { certificate: certificate.der().to_vec(), key: Zeroizing::new(key.serialize_der()), expires_at })
}

/// Reads a certificate and its key from PEM files, and sees that Microsoft will accept them.
pub(super) fn read(certificate_file: &Path, key_file: &Path) -> Result<Pair, CertificateError> {
    let wrong =
        |file: &Path, reason: String| CertificateError::File { file: file.display().to_string(), reason };
    let certificate = CertificateDer::from_pem_file(certificate_file)
        .map_err(|error| wrong(certificate_file, format!("{error}; it must be a certificate in PEM")))?;
    let (public, expires_at) =
        read_certificate(&certificate).map_err(|reason| wrong(certificate_file, reason))?;
    let key = PrivatePkcs8KeyDer::from_pem_file(key_file).map_err(|error| {
        let mend = "`openssl pkcs8 -topk8 -nocrypt -in KEY` writes a key as it must be";
        wrong(key_file, format!("{error}; it must be a private key in PEM, PKCS#8 and not encrypted: {mend}"))
    })?;
    let key = Zeroizing::new(key.secret_pkcs8_der().to_vec());
    let private = PrivateDecryptingKey::from_pkcs8(&key)
        .map_err(|error| wrong(key_file, format!("it is no RSA key ({error})")))?;
    let bits = private.key_size_bits();
    if !BITS.contains(&bits) {
        let reason = format!("it has {bits} bits; Microsoft takes RSA of 2,048 to 4,096 bits");
        return Err(wrong(key_file, reason));
    }
    let own = private.public_key().as_der().map_err(|_| CertificateError::Mismatch)?;
    if own.as_ref() != public {
        return Err(CertificateError::Mismatch);
    }
    Ok(Pair { certificate: certificate.to_vec(), key, expires_at })
}

/// The public key of a certificate, in DER, and its end.
fn read_certificate(der: &[u8]) -> Result<(Vec<u8>, DateTime<Utc>), String> {
    let (_, certificate) = parse_x509_certificate(der).map_err(|error| error.to_string())?;
    let end = certificate.validity().not_after.timestamp();
    let end = DateTime::from_timestamp(end, 0).ok_or("its end is out of range")?;
    Ok((certificate.public_key().raw.to_vec(), end))
}

/// Tells certificates apart.
pub(super) fn fingerprint(certificate: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, certificate))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-24T10:00:00Z".parse().unwrap()
    }

    fn pem(kind: &str, der: &[u8]) -> String {
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        let lines: Vec<_> =
            text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"))
    }

    #[test]
    fn what_was_made_can_be_given_and_belongs_together() {
        let until = now() + chrono::TimeDelta::days(365);
        let (one, other) = (make(now(), until).unwrap(), make(now(), until).unwrap());
        assert_eq!(one.expires_at, "2027-11-24T00:00:00Z".parse::<DateTime<Utc>>().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("a.pem"), folder.path().join("a.key"));
        std::fs::write(&certificate, pem("CERTIFICATE", &one.certificate)).unwrap();
        std::fs::write(&key, pem("PRIVATE KEY", &one.key)).unwrap();
        let given = read(&certificate, &key).unwrap();
        assert_eq!((&given.certificate, &*given.key), (&one.certificate, &*one.key));
        assert_eq!(given.expires_at, one.expires_at);

        std::fs::write(&key, pem("PRIVATE KEY", &other.key)).unwrap();
        assert!(matches!(read(&certificate, &key), Err(CertificateError::Mismatch)));
        for text in ["", "x", &pem("PRIVATE KEY", b"x"), &pem("RSA PRIVATE KEY", &one.key)] {
            std::fs::write(&key, text).unwrap();
            let said = read(&certificate, &key).err().unwrap().to_string();
            assert!(said.starts_with(&format!("{} cannot be used: ", key.display())), "{said}");
        }
        let said = read(&folder.path().join("b.pem"), &key).err().unwrap().to_string();
        assert!(said.contains("b.pem cannot be used"), "{said}");
    }
}
