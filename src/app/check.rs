//! `check`: tries everything that the configuration names, without changing anything at Office 365.

mod finding;
mod permissions;
mod public_url;
mod sinks;
mod sites;
mod store;
mod tenant;

use std::sync::Arc;
use std::time::Duration;

pub use finding::Finding;
use finding::ending;

use crate::clock::Clock;
use crate::config::{Config, Proof};
use crate::metrics::Metrics;
use crate::office365::{Handshaker, Office365, Vault};
use crate::port::Pair;
use crate::renew::Keyring;
use crate::seal::Sealer;

/// Sweeps that are as far apart as this cost Office 365 little.
const SELDOM_ENOUGH: Duration = Duration::from_secs(60);
/// Characters of an API key that nobody guesses.
const LONG_ENOUGH: usize = 16;

/// Tries the store, the certificates, every tenant's sign-in and permissions, every resource, the sinks, and the public
/// URL's handshake.
pub async fn check(config: &Config, clock: &Clock) -> Vec<Finding> {
    let mut findings = vec![Finding::good("configuration", unusual(config))];
    let (finding, tried) = store::check(config, clock).await;
    findings.push(finding);
    findings.extend(check_certificates(config, clock));
    match Office365::new(&config.tenants, clock.clone(), Arc::new(Metrics::default())) {
        Ok(office365) => {
            if let (Some(store), Ok(Some(sealer))) = (&tried.kept, Sealer::new(&config.store.encryption_keys))
            {
                office365.keep_sign_ins(&Vault { store: store.clone(), sealer: Arc::new(sealer) });
            }
            for tenant in &config.tenants {
                let unread = tried.unread.filter(|_| matches!(tenant.proof, Proof::Delegated));
                findings.extend(match unread {
                    Some(why) => {
                        vec![Finding::good(format!("tenant {}: sign-in", tenant.name), why.to_owned())]
                    }
                    None => tenant::check(config, &office365, tenant, clock.now()).await,
                });
            }
        }
        Err(error) => findings.push(Finding::bad("tenants", format!("{:#}", anyhow::Error::new(error)))),
    }
    findings.extend(check_encryption(config, clock, &tried).await);
    findings.extend(sinks::check(config, clock).await);
    let handshaker = Handshaker::new(clock.clone());
    findings.extend(public_url::check(config, clock, tried.beside.as_ref(), &handshaker).await);
    tried.close().await;
    findings
}

/// What is allowed, and rarely meant.
fn unusual(config: &Config) -> Option<String> {
    let often = config.fetch.sweep_every.filter(|every| *every < SELDOM_ENOUGH).map(|_| {
        "[fetch] sweep_every is less than a minute, and each sweep asks Office 365 for everything that is followed"
            .to_owned()
    });
    let short = config.admin.api_keys.iter().filter(|key| key.key.expose().chars().count() < LONG_ENOUGH);
    let short = short.map(|key| {
        format!(
            "[admin] the key of '{}' has fewer than {LONG_ENOUGH} characters: `openssl rand -hex 32` makes a better one",
            key.name
        )
    });
    let told: Vec<String> = often.into_iter().chain(short).collect();
    (!told.is_empty()).then(|| format!("warning: {}", told.join("; ")))
}

/// Whether certificate and keys fit together, and open what is stored, where that can be read.
async fn check_encryption(config: &Config, clock: &Clock, tried: &store::Tried) -> Option<Finding> {
    let subject = "encrypted content";
    let sealer = match Sealer::new(&config.store.encryption_keys) {
        Ok(sealer) => sealer.map(Arc::new),
        Err(error) => return Some(Finding::bad(subject, format!("[store] encryption_key: {error}"))),
    };
    let (used, given) = (sealer.is_some(), config.encryption.as_ref());
    let ends = match &tried.kept {
        Some(store) => Keyring::check(store.clone(), clock.clone(), sealer, given).await,
        None => given.map(Keyring::look_at).transpose(),
    };
    let unread = tried.unread.map(|_| "what the store holds sealed was not tried".to_owned());
    match ends {
        Ok(ends) => used.then(|| {
            let told = ends.map(|ends| ending(ends, clock.now())).into_iter().chain(unread);
            Finding::good(subject, Some(told.collect::<Vec<_>>().join("; ")).filter(|told| !told.is_empty()))
        }),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn what_is_allowed_and_rarely_meant_is_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        let told = |every: &str, key: &str| {
            let text = format!(
                "public_url = \"http://127.0.0.1:1\"\n[fetch]\nsweep_every = \"{every}\"\n\
                 [admin]\napi_keys = [{{ name = \"ops\", key = \"{key}\", role = \"read\" }}]\n"
            );
            std::fs::write(&file, text).unwrap();
            unusual(&config::load(&file, []).unwrap())
        };
        let (long, short) = ("0123456789abcdef", "0123456789");
        assert_eq!(told("1m", long), None);
        assert_eq!(told("0", long), None);
        assert!(told("59s", long).unwrap().starts_with("warning: [fetch] sweep_every is less than a minute"));
        let both = told("1s", short).unwrap();
        assert!(
            both.contains("sweep_every") && both.contains("the key of 'ops' has fewer than 16"),
            "{both}"
        );
        assert!(!both.contains(short), "{both}");
    }
}
