//! A certificate and its private key, out of PEM or PFX.

use std::path::Path;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::EncodingKey;
use p12_keystore::Pkcs12Archive;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::asn1_rs::{Any, FromDer, OctetString, Sequence};
use x509_parser::parse_x509_certificate;
use zeroize::Zeroizing;

use super::{CertificateError, Contents};
use crate::config::CertificateFiles;

/// The shortest key that Microsoft takes, in bits.
const SHORTEST_KEY: usize = 2048;

/// A certificate and its private key, which belong together.
pub(in crate::office365::auth) struct Pair {
    /// Signs.
    pub(in crate::office365::auth) key: EncodingKey,
    /// `x5t`: SHA-1 of the certificate.
    pub(in crate::office365::auth) sha1: String,
    /// `x5t#S256`
    pub(in crate::office365::auth) sha256: String,
    /// When the certificate ends.
    pub(in crate::office365::auth) ends: DateTime<Utc>,
}

/// A private key in the two forms that libraries want.
struct Private {
    /// PKCS#1.
    der: Zeroizing<Vec<u8>>,
    /// The public half, as a certificate has it.
    public: Vec<u8>,
    bits: usize,
}

impl Pair {
    /// Takes the pair out of what the files hold.
    pub(super) fn of(files: &CertificateFiles, contents: &Contents) -> Result<Self, CertificateError> {
        let of = |file: &Path| {
            let file = file.to_owned();
            move |reason: String| CertificateError::Unusable { file, reason }
        };
        let is_pem = contents.file.windows(11).any(|window| window == b"-----BEGIN ");
        let (certificates, keys, key_file) = match &contents.key {
            Some(key) => {
                let certificates = certificates_in(&contents.file).map_err(of(&files.file))?;
                let key_file = files.key.as_deref().unwrap_or(&files.file);
                (certificates, vec![key_in(key).map_err(of(key_file))?], key_file)
            }
            None if is_pem => {
                let certificates = certificates_in(&contents.file).map_err(of(&files.file))?;
                let key = key_in(&contents.file).map_err(of(&files.file))?;
                (certificates, vec![key], files.file.as_path())
            }
            None => {
                let (certificates, keys) = in_pfx(files, &contents.file).map_err(of(&files.file))?;
                (certificates, keys, files.file.as_path())
            }
        };
        let belongs = |certificate: &Vec<u8>| Some((certificate.clone(), belonging(certificate, &keys)?));
        let found = certificates.iter().find_map(belongs).ok_or_else(|| {
            "the private key is not that of the certificate: put the two of one pair there".to_owned()
        });
        let (certificate, key) = found.map_err(of(key_file))?;
        if key.bits < SHORTEST_KEY {
            return Err(of(key_file)(format!(
                "the key has {} bits, and Microsoft takes 2,048 and more",
                key.bits
            )));
        }
        let ends = end_of(&certificate).map_err(of(&files.file))?;
        Ok(Self {
            key: EncodingKey::from_rsa_der(&key.der),
            sha1: URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &certificate)),
            sha256: URL_SAFE_NO_PAD.encode(digest(&SHA256, &certificate)),
            ends,
        })
    }
}

/// The key that a certificate was made for.
fn belonging<'k>(certificate: &[u8], keys: &'k [Private]) -> Option<&'k Private> {
    let (_, parsed) = parse_x509_certificate(certificate).ok()?;
    keys.iter().find(|key| key.public == parsed.public_key().raw)
}

fn end_of(certificate: &[u8]) -> Result<DateTime<Utc>, String> {
    let (_, parsed) = parse_x509_certificate(certificate).map_err(|error| error.to_string())?;
    let end = DateTime::from_timestamp(parsed.validity().not_after.timestamp(), 0);
    Ok(end.unwrap_or(DateTime::<Utc>::MAX_UTC))
}

fn certificates_in(pem: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let all = CertificateDer::pem_slice_iter(pem).map(|one| one.map(|der| der.to_vec()));
    let all: Vec<_> = all.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    if all.is_empty() {
        return Err(
            "there is no certificate in it: put it there as PEM, or name a PFX without a key".to_owned()
        );
    }
    Ok(all)
}

fn key_in(pem: &[u8]) -> Result<Private, String> {
    let mend = "put the private key there as PEM and without a password, or name its file with key";
    let key = PrivateKeyDer::from_pem_slice(pem)
        .map_err(|error| format!("there is no usable private key in it ({error}): {mend}"))?;
    let private = match &key {
        PrivateKeyDer::Pkcs1(key) => Private::new(key.secret_pkcs1_der().to_vec().into()),
        PrivateKeyDer::Pkcs8(key) => inner(key.secret_pkcs8_der()).and_then(Private::new),
        _ => None,
    };
    private.ok_or_else(|| "the private key is no RSA key: Microsoft takes no other".to_owned())
}

fn in_pfx(files: &CertificateFiles, pfx: &[u8]) -> Result<(Vec<Vec<u8>>, Vec<Private>), String> {
    let password = files.password.as_ref().map_or("", |password| password.expose());
    // The library tells a wrong password from a broken file only by luck.
    let archive = Pkcs12Archive::from_pkcs12(pfx, password).map_err(|error| {
        format!("it is neither PEM nor a PFX that password opens ({error}): check both, or export it again")
    })?;
    let certificates = archive.certs.iter().map(|bag| bag.cert.as_der().to_vec());
    let keys = archive.keys.iter().filter_map(|bag| inner(bag.key.as_der()).and_then(Private::new));
    let (certificates, keys): (Vec<_>, Vec<_>) = (certificates.collect(), keys.collect());
    if keys.is_empty() {
        return Err(
            "there is no RSA key in it: export the certificate together with its private key".to_owned()
        );
    }
    Ok((certificates, keys))
}

/// The RSA key inside of PKCS#8.
fn inner(pkcs8: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (_, fields) = Sequence::from_der(pkcs8).ok()?;
    let (rest, _version) = Any::from_der(&fields.content).ok()?;
    let (rest, _algorithm) = Any::from_der(rest).ok()?;
    let (_, key) = OctetString::from_der(rest).ok()?;
    Some(Zeroizing::new(key.into_cow().into_owned()))
}

impl Private {
    /// None where it is no RSA key.
    fn new(der: Zeroizing<Vec<u8>>) -> Option<Self> {
        let pair = KeyPair::from_der(&der).ok()?;
        let public = pair.public_key().as_der().ok()?.as_ref().to_vec();
        Some(Self { bits: pair.public_modulus_len() * 8, der, public })
    }
}
