//! Certificates with a root, an intermediate authority and a host, as public authorities issue them.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

/// A root and the authority below it.
pub struct Authority {
    pub root: Certificate,
    pub middle: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// What a host shows.
pub struct Leaf {
    pub certificate: Certificate,
    pub key: KeyPair,
}

fn params(name: &str, hosts: &[&str], year: i32) -> CertificateParams {
    let mut params =
        CertificateParams::new(hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(year, 1, 1);
    params
}

fn authority(name: &str, year: i32) -> CertificateParams {
    let mut params = params(name, &[], year);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    params
}

impl Authority {
    /// With an intermediate authority that ends in this year.
    pub fn until(year: i32) -> Self {
        let root_key = KeyPair::generate().unwrap();
        let root_params = authority("Test Root", 2090);
        let root = root_params.self_signed(&root_key).unwrap();
        let issuer = Issuer::new(root_params, root_key);
        let (params, key) = (authority("Test Middle", year), KeyPair::generate().unwrap());
        let middle = params.signed_by(&key, &issuer).unwrap();
        Self { root, middle, issuer: Issuer::new(params, key) }
    }

    /// Issues a certificate for a host.
    pub fn issue(&self, host: &str, year: i32) -> Leaf {
        let key = KeyPair::generate().unwrap();
        Leaf { certificate: params("Test Leaf", &[host], year).signed_by(&key, &self.issuer).unwrap(), key }
    }

    /// Whom whoever trusts this authority trusts.
    pub fn roots(&self) -> Vec<CertificateDer<'static>> {
        vec![self.root.der().clone()]
    }
}

impl Leaf {
    /// One that is signed by itself.
    pub fn own(host: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        Self { certificate: params("Test Own", &[host], 2090).self_signed(&key).unwrap(), key }
    }

    /// The same, as tools make one for trying things out: an authority at the same time.
    pub fn own_authority(host: &str) -> Self {
        let (mut params, key) = (params("Test Own", &[host], 2090), KeyPair::generate().unwrap());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { certificate: params.self_signed(&key).unwrap(), key }
    }

    /// TLS with this certificate and these behind it.
    pub fn shown(&self, behind: &[&Certificate]) -> ServerConfig {
        self.shown_by(behind, rustls::ALL_VERSIONS)
    }

    /// The same, in these versions only.
    pub fn shown_by(
        &self,
        behind: &[&Certificate],
        versions: &[&'static SupportedProtocolVersion],
    ) -> ServerConfig {
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth();
        builder.with_single_cert(self.chain(behind), self.private()).unwrap()
    }

    /// The same, for clients only that show a certificate of this authority.
    pub fn shown_to_known(&self, behind: &[&Certificate], known: &Authority) -> ServerConfig {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(known.root.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap());
        builder.with_single_cert(self.chain(behind), self.private()).unwrap()
    }

    fn chain(&self, behind: &[&Certificate]) -> Vec<CertificateDer<'static>> {
        std::iter::once(&self.certificate)
            .chain(behind.iter().copied())
            .map(|one| one.der().clone())
            .collect()
    }

    fn private(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()))
    }
}
