//! `check`: tries everything that the configuration names, without changing anything at Office 365.

mod finding;
mod permissions;
mod public_url;
mod sinks;
mod sites;
mod tenant;

use std::sync::Arc;

pub use finding::Finding;
use finding::ending;

use crate::clock::Clock;
use crate::config::{Config, Proof};
use crate::metrics::Metrics;
use crate::office365::{Handshaker, Office365, Vault};
use crate::port::Pair;
use crate::renew::Keyring;
use crate::seal::Sealer;
use crate::store::{self, Store, StoreError};

/// Said where what keeps a person signed in cannot be read.
const OF_THE_LISTENER: &str = "not tried: the running listener has the store, and with it the person's sign-in; \
                               `o365-listener subscriptions list` tells how it fares";

/// Tries the store, the certificates, every tenant's sign-in and permissions, every resource, the sinks, and the public
/// URL's handshake.
pub async fn check(config: &Config, clock: &Clock) -> Vec<Finding> {
    let mut findings = vec![Finding::good("configuration", None)];
    let (finding, store) = check_store(config, clock).await;
    findings.push(finding);
    findings.extend(check_certificates(config, clock));
    match Office365::new(&config.tenants, clock.clone(), Arc::new(Metrics::default())) {
        Ok(office365) => {
            if let (Some(store), Ok(Some(sealer))) = (&store, Sealer::new(&config.store.encryption_keys)) {
                office365.keep_sign_ins(&Vault { store: store.clone(), sealer: Arc::new(sealer) });
            }
            for tenant in &config.tenants {
                if matches!(tenant.proof, Proof::Delegated) && store.is_none() {
                    let subject = format!("tenant {}: sign-in", tenant.name);
                    findings.push(Finding::good(subject, OF_THE_LISTENER.to_owned()));
                } else {
                    findings.extend(tenant::check(config, &office365, tenant, clock.now()).await);
                }
            }
        }
        Err(error) => findings.push(Finding::bad(
            "HTTP client",
            format!("{error}: are the system's CA certificates installed?"),
        )),
    }
    if let Some(store) = &store {
        findings.extend(check_encryption(config, clock, store).await);
    }
    findings.extend(sinks::check(config, clock).await);
    let handshaker = Handshaker::new(clock.clone());
    findings.extend(public_url::check(config, clock, store.as_ref(), &handshaker).await);
    if let Some(store) = store {
        store.close().await;
    }
    findings
}

async fn check_store(config: &Config, clock: &Clock) -> (Finding, Option<Arc<dyn Store>>) {
    let subject = format!("store {}", config.store.url);
    match store::open(&config.store.url, clock.now()).await {
        Ok(store) => match store.writable().await {
            Ok(()) => (Finding::good(subject, None), Some(store)),
            Err(error) => (Finding::bad(subject, format!("cannot be written: {error}")), Some(store)),
        },
        Err(StoreError::InUse(_)) => {
            (Finding::good(subject, "a running listener has it open".to_owned()), None)
        }
        Err(error) => (Finding::bad(subject, format!("{error}: check the path and its permissions")), None),
    }
}

/// Whether certificate and keys fit together, and open what is stored.
async fn check_encryption(config: &Config, clock: &Clock, store: &Arc<dyn Store>) -> Option<Finding> {
    let subject = "encrypted content";
    let sealer = match Sealer::new(&config.store.encryption_keys) {
        Ok(sealer) => sealer.map(Arc::new),
        Err(error) => return Some(Finding::bad(subject, format!("[store] encryption_key: {error}"))),
    };
    let used = sealer.is_some();
    match Keyring::check(store.clone(), clock.clone(), sealer, config.encryption.as_ref()).await {
        Ok(ends) => used.then(|| Finding::good(subject, ends.map(|ends| ending(ends, clock.now())))),
        Err(error) => Some(Finding::bad(subject, error.to_string())),
    }
}

/// Reads the pair of each port that has one.
fn check_certificates(config: &Config, clock: &Clock) -> Vec<Finding> {
    let ports = [("listen", &config.listen.tls), ("admin", &config.admin.tls)];
    let pairs = ports.into_iter().filter_map(|(section, files)| Some((section, files.as_ref()?)));
    pairs
        .map(|(section, files)| {
            let subject = format!("[{section}.tls] {}", files.certificate.display());
            match Pair::read(files).and_then(|pair| pair.lasting(files, clock.now())) {
                Ok(pair) => Finding::good(subject, ending(pair.ends, clock.now())),
                Err(error) => Finding::bad(subject, error.to_string()),
            }
        })
        .collect()
}
