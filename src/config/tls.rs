use std::path::PathBuf;

use serde::{Deserialize, Deserializer};

use super::values;

/// `[listen.tls]`, `[admin.tls]`: the pair that a port shows its clients. What is in the files is looked at when the
/// listener starts, and again whenever it has changed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "one section, written with single brackets")]
pub struct Tls {
    /// PEM: the certificate, then those that lead to its issuer.
    #[serde(deserialize_with = "file")]
    pub certificate: PathBuf,
    /// PEM: its private key.
    #[serde(deserialize_with = "file")]
    pub key: PathBuf,
}

fn file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    values::text(deserializer, values::file)
}
