//! `check`: tries everything that the configuration names, without changing anything at Office 365.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::ports::{self, Secured};
use crate::clock::Clock;
use crate::config::{self, AllowMode, Config, Proof};
use crate::metrics::Metrics;
use crate::model::{Credential, Kind, Resource, Validity};
use crate::office365::{Office365, Tenant, Unshaken, Vault, shake_hands};
use crate::port::{Pair, Port};
use crate::receive::{Receiver, Sources, Workload};
use crate::renew::Keyring;
use crate::seal::Sealer;
use crate::store::{self, Store, StoreError};

/// Said where what keeps a person signed in cannot be read.
const OF_THE_LISTENER: &str = "not tried: the running listener has the store, and with it the person's sign-in; \
                               `o365-listener subscriptions list` tells how it fares";

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was tried.
    pub subject: String,
    /// What is wrong, and how to mend it; none: it is as it should be.
    pub problem: Option<String>,
    /// What is worth knowing although nothing is wrong.
    pub note: Option<String>,
}

impl Finding {
    fn good(subject: impl Into<String>, note: impl Into<Option<String>>) -> Self {
        Self { subject: subject.into(), problem: None, note: note.into() }
    }

    fn bad(subject: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { subject: subject.into(), problem: Some(problem.into()), note: None }
    }
}

/// Tries the store, the certificates, every tenant's sign-in and permissions, every resource, and the public URL's handshake.
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
                    findings.extend(check_tenant(config, &office365, tenant, clock.now()).await);
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
    findings.push(check_public_url(config, clock, store.as_ref()).await);
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

async fn check_tenant(
    config: &Config,
    office365: &Office365,
    tenant: &config::Tenant,
    now: DateTime<Utc>,
) -> Vec<Finding> {
    let subject = format!("tenant {}: sign-in", tenant.name);
    let Some(client) = office365.tenant(&tenant.name) else { return vec![] };
    let end = client.credential().map(|credential| check_end(&credential, now));
    let signed_in = match client.sign_in().await {
        Ok(signed_in) => signed_in,
        Err(failure) => {
            let refused = Finding::bad(subject, format!("{failure} [{}]", failure.code));
            // That it has ended may be why.
            return std::iter::once(refused).chain(end.filter(|end| end.problem.is_some())).collect();
        }
    };
    let mut findings = vec![Finding::good(subject, None)];
    findings.extend(end);
    let followed: Vec<_> = config.subscriptions.iter().filter(|entry| entry.tenant == tenant.name).collect();
    for kind in [Kind::ListItem, Kind::DriveItem, Kind::Message] {
        if followed.iter().any(|entry| kind_of(&entry.resource) == kind) {
            findings.push(check_permission(tenant, kind, &signed_in.roles));
        }
    }
    for entry in followed {
        findings.push(check_resource(client, entry).await);
    }
    findings
}

/// Whether what ends by itself has to be renewed. A secret that has ended may have been renewed without its date: sign-in
/// says so. A certificate knows its own end.
fn check_end(credential: &Credential, now: DateTime<Utc>) -> Finding {
    let tenant = credential.tenant.as_ref().map_or_else(String::new, |name| format!("tenant {name}: "));
    let subject = format!("{tenant}{}", credential.kind.replace('_', " "));
    let ends = credential.expires_at;
    if credential.kind == "certificate" && Validity::of(ends, now) == Validity::Over {
        let mend =
            "upload a new one to the app registration, and put it into the files that the tenant names";
        return Finding::bad(subject, format!("ended on {}: {mend}", ends.format("%F")));
    }
    Finding::good(subject, ending(ends, now))
}

fn ending(ends: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let day = ends.format("%F");
    match Validity::of(ends, now) {
        Validity::Good => format!("ends on {day}"),
        Validity::Soon => format!("warning: ends on {day}; have a new one in its place before"),
        Validity::Over => format!(
            "warning: should have ended on {day}; if there is a new one, write its end into the configuration"
        ),
    }
}

/// Looks for a permission in the token. Exchange can grant mail without one there (RBAC for applications), so its
/// absence is only worth a note; whether reading works is tried with each resource.
fn check_permission(tenant: &config::Tenant, kind: Kind, roles: &[String]) -> Finding {
    let person = matches!(tenant.proof, Proof::Delegated);
    let (least, enough): (&str, &[&str]) = match kind {
        Kind::ListItem => ("Sites.Read.All", &["Sites."]),
        Kind::DriveItem if person => ("Files.Read", &["Files.Read", "Sites."]),
        Kind::DriveItem => ("Files.Read.All", &["Files.Read", "Sites."]),
        Kind::Message => ("Mail.Read", &["Mail.Read"]),
    };
    let subject = format!("tenant {}: permission to read {kind}s", tenant.name);
    if let Some(role) = roles.iter().find(|role| enough.iter().any(|beginning| role.starts_with(beginning))) {
        return Finding::good(subject, role.clone());
    }
    let mend = if person {
        format!(
            "give the app registration the delegated permission {least} of Microsoft Graph, and sign in again"
        )
    } else {
        format!(
            "give the app registration the application permission {least} of Microsoft Graph, and grant admin consent"
        )
    };
    match kind {
        Kind::Message if !person => Finding::good(
            subject,
            format!(
                "not in the token: right if Exchange grants it (RBAC for applications), otherwise {mend}"
            ),
        ),
        Kind::ListItem | Kind::DriveItem | Kind::Message => {
            Finding::bad(subject, format!("the token does not hold it: {mend}"))
        }
    }
}

async fn check_resource(client: &Tenant, entry: &config::Subscription) -> Finding {
    let subject = format!("subscription {}: {}", entry.name, entry.resource);
    match client.resolve(&entry.resource).await {
        Ok(_) => Finding::good(subject, None),
        Err(failure) => Finding::bad(subject, format!("{failure} [{}]", failure.code)),
    }
}

fn kind_of(resource: &Resource) -> Kind {
    match resource {
        Resource::List(_) => Kind::ListItem,
        Resource::OneDrive(_) | Resource::Drive(_) => Kind::DriveItem,
        Resource::Mail { .. } | Resource::Mailbox(_) => Kind::Message,
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

/// While no listener holds the notification port, it is answered here for the time of the check.
async fn check_public_url(config: &Config, clock: &Clock, store: Option<&Arc<dyn Store>>) -> Finding {
    let subject = format!("public URL {}", config.public_url);
    let Ok(url) = super::endpoint(&config.public_url, "notifications") else {
        return Finding::bad(subject, "no path can be put behind it");
    };
    let port = store.and_then(|store| stand_in(config, clock, store).ok());
    let handle = port.as_ref().map(Port::handle);
    let here = handle.is_some();
    let shaken = match port {
        Some(port) => tokio::select! {
            shaken = shake_hands(&url, clock) => shaken,
            _ = port.run() => Err("the notification port could not be served".to_owned().into()),
        },
        None => shake_hands(&url, clock).await,
    };
    if let Some(handle) = handle {
        handle.stop(false).await;
    }
    let only_some = !config.listen.allow_from.is_empty() && config.listen.allow_mode == AllowMode::Enforce;
    match shaken {
        Ok(()) => Finding::good(subject, "answers the handshake".to_owned()),
        Err(Unshaken { status: Some(403), .. }) if only_some && !here => Finding::good(
            subject,
            "refuses this machine, which is not in [listen] allow_from; whether it answers Office 365 cannot be tried from here"
                .to_owned(),
        ),
        Err(Unshaken { problem, .. }) => Finding::bad(subject, problem),
    }
}

fn stand_in(config: &Config, clock: &Clock, store: &Arc<dyn Store>) -> anyhow::Result<Port> {
    let receiver = Receiver {
        clock: clock.clone(),
        inbox: store.clone(),
        metrics: Arc::new(Metrics::default()),
        // A handshake is answered before anything is verified.
        client_states: crate::seal::ClientStates::new(&rand::random()),
        sealer: None,
        fetch: crate::tasks::Signal::default(),
        renew: crate::tasks::Signal::default(),
        body_limit: config.listen.body_limit,
        workload: Workload::default(),
        // This machine need not be among those that may notify.
        sources: Sources::default(),
        unstored: crate::tasks::Seldom::default(),
    };
    let tls = Secured::load("listen", config.listen.tls.as_ref(), clock, &receiver.metrics)?;
    ports::receiving(receiver, &config.listen, tls.map(|tls| tls.config))
}
