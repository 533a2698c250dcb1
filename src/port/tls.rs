use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{Error, ServerConfig};

use super::certificate::Pair;

/// The pair that a port shows just now. The next connection meets what was put there last.
#[derive(Debug)]
pub struct Shown(RwLock<Arc<CertifiedKey>>);

impl Shown {
    /// Shows this pair at first.
    pub fn new(pair: &Pair) -> Self {
        Self(RwLock::new(pair.key.clone()))
    }

    /// Shows this pair from now on.
    pub(super) fn show(&self, pair: &Pair) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = pair.key.clone();
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// TLS 1.2 and 1.3, and within them HTTP/1.1 alone.
///
/// # Errors
/// Never in practice: the provider knows both versions.
pub fn server_config(shown: Arc<Shown>) -> Result<ServerConfig, Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(shown);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
