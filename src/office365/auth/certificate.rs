//! The certificate that an app signs in with, for as long as its files hold a usable one.
//!
//! The files are looked at whenever the certificate is needed, which is once in a token's life and when its end is
//! asked for. What has changed and can be used takes the place of what was there; what cannot be used is told once, and
//! what was there stays. The two files of a pair cannot change at the same moment: what was read in between does not
//! fit together, and the next look finds the rest.

mod pair;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub(super) use pair::Pair;
use zeroize::Zeroizing;

use super::assertion::Form;
use crate::config::CertificateFiles;

/// What an app signs in with.
pub(in crate::office365) struct SigningCertificate {
    files: CertificateFiles,
    held: Mutex<Held>,
    /// Whether only the former way of signing was accepted.
    former: AtomicBool,
}

#[derive(Default)]
struct Held {
    pair: Option<Arc<Pair>>,
    /// What the files held when they were last looked at, usable or not; none where they could not be read.
    seen: Option<Contents>,
}

/// What the files hold at one moment.
#[derive(PartialEq, Eq)]
struct Contents {
    file: Zeroizing<Vec<u8>>,
    key: Option<Zeroizing<Vec<u8>>>,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(in crate::office365) enum CertificateError {
    /// A file cannot be read.
    #[error("{} cannot be read ({reason}): check the path and its permissions", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// What is in a file is not what it should be.
    #[error("{}: {reason}", file.display())]
    Unusable {
        /// The file.
        file: PathBuf,
        /// Why, and what to put there.
        reason: String,
    },
}

impl SigningCertificate {
    pub(super) fn new(files: CertificateFiles) -> Self {
        Self { files, held: Mutex::default(), former: AtomicBool::new(false) }
    }

    /// The certificate that is in the files now, or was when they last held a usable one. Blocks for as long as it
    /// takes to read small files; to open a PFX that has changed takes some hundred milliseconds more.
    pub(super) fn current(&self) -> Result<Arc<Pair>, CertificateError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let read = Contents::read(&self.files);
        if let (Some(pair), Ok(contents)) = (&held.pair, &read)
            && held.seen.as_ref() == Some(contents)
        {
            return Ok(pair.clone());
        }
        let (usable, seen) = match read {
            Ok(contents) => (Pair::of(&self.files, &contents), Some(contents)),
            Err(error) => (Err(error), None),
        };
        let changed = held.seen != seen;
        held.seen = seen;
        match (usable, &held.pair) {
            (Ok(pair), former) => {
                if former.is_some() {
                    tracing::info!(file = %self.files.file.display(), ends = %pair.ends.format("%F"),
                        "The certificate to sign in with was changed");
                    self.former.store(false, Ordering::Relaxed);
                }
                Ok(held.pair.insert(Arc::new(pair)).clone())
            }
            (Err(error), Some(pair)) => {
                if changed {
                    tracing::warn!(%error, "The new certificate to sign in with cannot be used; the last one stays");
                }
                Ok(pair.clone())
            }
            (Err(error), None) => Err(error),
        }
    }

    /// How to sign, as far as is known what is accepted.
    pub(super) fn form(&self) -> Form {
        if self.former.load(Ordering::Relaxed) { Form::Former } else { Form::Current }
    }

    /// Signs in the former way until the certificate changes or the program is started again.
    pub(super) fn keep_to_former(&self) {
        tracing::info!("The login host takes assertions only as they were signed before (RS256)");
        self.former.store(true, Ordering::Relaxed);
    }
}

impl Contents {
    fn read(files: &CertificateFiles) -> Result<Self, CertificateError> {
        let read = |file: &Path| {
            std::fs::read(file).map(Zeroizing::new).map_err(|error| CertificateError::Unreadable {
                file: file.to_owned(),
                reason: error.to_string(),
            })
        };
        Ok(Self { file: read(&files.file)?, key: files.key.as_deref().map(read).transpose()? })
    }
}

#[cfg(test)]
mod tests;
