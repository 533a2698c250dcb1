use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::parse_x509_certificate;

use crate::config::Tls;

/// A certificate with its chain and its private key, which belong together.
#[derive(Debug)]
pub struct Pair {
    /// What TLS shows and signs with.
    pub(super) key: Arc<CertifiedKey>,
    /// When the certificate ends.
    pub ends: DateTime<Utc>,
}

/// Why two files are no pair.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PairError {
    /// A file cannot be read.
    #[error("{} cannot be read ({reason}): check the path and its permissions", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The one file holds no certificate.
    #[error("{} holds no usable certificate ({reason}): put the certificate and its chain there, as PEM", file.display())]
    Certificate {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The other file holds no private key.
    #[error("{} holds no usable private key ({reason}): put the key there, as PEM and without a password", file.display())]
    Key {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// They do not belong together.
    #[error("the key in {} is not that of the certificate in {}: put the two of one pair there, the certificate itself first", key.display(), certificate.display())]
    Apart {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// Its time is over.
    #[error("the certificate in {} ended on {}: renew it", file.display(), ended.format("%F"))]
    Ended {
        /// The file.
        file: PathBuf,
        /// When it ended.
        ended: DateTime<Utc>,
    },
}

/// What the two files hold at one moment.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Pair {
    /// Reads the pair that these files hold. Blocks, as reading files does.
    ///
    /// # Errors
    /// Why they hold none. That its time is over is none of the reasons.
    pub fn read(files: &Tls) -> Result<Self, PairError> {
        Self::of(files, &Contents::read(files)?)
    }

    /// Takes the pair out of what the files hold.
    pub(super) fn of(files: &Tls, contents: &Contents) -> Result<Self, PairError> {
        let (file, of) = (&files.certificate, &contents.certificate);
        let wrong = |reason: String| PairError::Certificate { file: file.clone(), reason };
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(of)
            .collect::<Result<_, _>>()
            .map_err(|error| wrong(error.to_string()))?;
        let leaf = chain.first().ok_or_else(|| wrong("there is no certificate in it".to_owned()))?;
        let (_, parsed) = parse_x509_certificate(leaf).map_err(|error| wrong(error.to_string()))?;
        let ends = DateTime::from_timestamp(parsed.validity().not_after.timestamp(), 0)
            .unwrap_or(DateTime::<Utc>::MAX_UTC);

        let (file, of) = (&files.key, &contents.key);
        let wrong = |reason: String| PairError::Key { file: file.clone(), reason };
        let key = PrivateKeyDer::from_pem_slice(of).map_err(|error| wrong(error.to_string()))?;
        let key =
            CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(
                |error| match error {
                    rustls::Error::InconsistentKeys(_) => {
                        PairError::Apart { certificate: files.certificate.clone(), key: files.key.clone() }
                    }
                    other => wrong(other.to_string()),
                },
            )?;
        Ok(Self { key: Arc::new(key), ends })
    }

    /// Refuses a pair whose time is over.
    ///
    /// # Errors
    /// [`PairError::Ended`].
    pub fn lasting(self, files: &Tls, now: DateTime<Utc>) -> Result<Self, PairError> {
        if self.ends > now {
            return Ok(self);
        }
        Err(PairError::Ended { file: files.certificate.clone(), ended: self.ends })
    }
}

impl Contents {
    /// Reads both files. Blocks.
    pub fn read(files: &Tls) -> Result<Self, PairError> {
        Ok(Self { certificate: read(&files.certificate)?, key: read(&files.key)? })
    }
}

fn read(file: &Path) -> Result<Vec<u8>, PairError> {
    std::fs::read(file)
        .map_err(|error| PairError::Unreadable { file: file.to_owned(), reason: error.to_string() })
}
