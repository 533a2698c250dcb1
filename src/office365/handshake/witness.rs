use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme, SupportedProtocolVersion};
use rustls_platform_verifier::Verifier;

use super::chain::Link;
use crate::clock::Clock;

/// The latest version there is.
pub(super) const LATEST: &str = "TLS 1.3";
const BEFORE: &str = "TLS 1.2";

/// Verifies as the HTTP client does, by our clock, and keeps what it was shown.
#[derive(Debug)]
pub(super) struct Witness {
    verifier: Verifier,
    clock: Clock,
    seen: Mutex<Seen>,
}

/// What a server showed.
#[derive(Debug, Default, Clone)]
pub(super) struct Seen {
    /// Its certificates, in the order in which they came.
    pub(super) chain: Vec<Link>,
    /// The version of TLS, once the server has signed.
    pub(super) version: Option<&'static str>,
    /// Whether it asked for a certificate of ours.
    pub(super) asks_for_ours: bool,
}

impl Witness {
    /// One that trusts whom the system trusts, and `roots`.
    pub(super) fn new(clock: &Clock, roots: &[CertificateDer<'static>]) -> Result<Self, Error> {
        let verifier = Verifier::new_with_extra_roots(roots.iter().cloned(), provider())?;
        Ok(Self { verifier, clock: clock.clone(), seen: Mutex::default() })
    }

    /// TLS as the HTTP client speaks it, in these versions.
    pub(super) fn watched(
        self: &Arc<Self>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Result<ClientConfig, Error> {
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)?
            .dangerous()
            .with_custom_certificate_verifier(self.clone())
            .with_client_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Both versions that Microsoft speaks.
pub(super) const ALL: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
/// The older of them alone.
pub(super) const OLDER: &[&SupportedProtocolVersion] = &[&TLS12];

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// There is none, as with Microsoft; but that it was asked for is known.
impl ResolvesClientCert for Witness {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.note(|seen| seen.asks_for_ours = true);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        by_system: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = std::iter::once(end_entity).chain(intermediates);
        self.note(|seen| seen.chain = shown.filter_map(|one| Link::read(one)).collect());
        let now = u64::try_from(self.clock.now().timestamp());
        let now =
            now.map_or(by_system, |now| UnixTime::since_unix_epoch(std::time::Duration::from_secs(now)));
        self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.note(|seen| seen.version = Some(BEFORE));
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.note(|seen| seen.version = Some(LATEST));
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
