//! What following over SharePoint's own service takes: a token for each host of sites, and a permission of SharePoint's.

use std::collections::BTreeSet;

use super::finding::Finding;
use crate::config::{self, Proof};
use crate::model::Via;
use crate::office365::{SignIn, Tenant};

/// SharePoint's own id, which some tokens name in the place of a host.
const SHAREPOINT: &str = "00000003-0000-0ff1-ce00-000000000000";

/// What an app may do with webhooks of lists by, the least first; and what a person may, for whom it acts.
const OF_AN_APP: [&str; 2] = ["Sites.Manage.All", "Sites.FullControl.All"];
const OF_A_PERSON: [&str; 2] = ["AllSites.Manage", "AllSites.FullControl"];

/// Signs in for each host that something is followed at, and looks at what that gave.
pub(super) async fn check(
    tenant: &config::Tenant,
    client: &Tenant,
    followed: &[&config::Subscription],
) -> Vec<Finding> {
    let over_sharepoint = followed.iter().filter(|entry| entry.via == Via::SharePoint);
    let hosts: BTreeSet<String> =
        over_sharepoint.filter_map(|entry| config::site_host(&entry.resource)).collect();
    let mut findings = Vec::new();
    for host in hosts {
        let subject = format!("tenant {}: sign-in to {host}", tenant.name);
        match client.sign_in_to_sites(&host).await {
            Ok(signed_in) => {
                findings.push(Finding::good(subject, None));
                findings.extend(audience(tenant, &host, &signed_in));
                findings.push(permission(tenant, &host, &signed_in.roles));
            }
            Err(failure) => findings.push(Finding::bad(subject, format!("{failure} [{}]", failure.code))),
        }
    }
    findings
}

/// Whether the token is for that host. One that does not say is left to SharePoint.
fn audience(tenant: &config::Tenant, host: &str, signed_in: &SignIn) -> Option<Finding> {
    let audience = signed_in.audience.as_deref()?;
    let told = audience.trim_end_matches('/').to_lowercase();
    if told == format!("https://{host}") || told.starts_with(SHAREPOINT) {
        return None;
    }
    let problem = format!(
        "the token is for {audience} and not for https://{host}, which will refuse it: look whether the host is one of \
         this organisation, and what answers in the login host's place"
    );
    Some(Finding::bad(format!("tenant {}: audience of the token for {host}", tenant.name), problem))
}

/// Looks for a permission in the token. Its absence is a warning, as with those of Graph.
fn permission(tenant: &config::Tenant, host: &str, roles: &[String]) -> Finding {
    let person = matches!(tenant.proof, Proof::Delegated);
    let enough = if person { OF_A_PERSON } else { OF_AN_APP };
    let kind = if person { "delegated" } else { "application" };
    let found = roles.iter().find(|role| enough.contains(&role.as_str()));
    let note = found.cloned().unwrap_or_else(|| {
        let [least, _] = enough;
        let selected = roles.iter().find(|role| role.ends_with(".Selected"));
        let there = selected.map_or_else(
            || "the token does not hold it".to_owned(),
            |role| format!("{role} only, which reaches only the sites that were granted to the app one by one"),
        );
        format!(
            "warning: {there}: give the app registration the {kind} permission {least} of the API 'SharePoint', which is \
             another one than Microsoft Graph's of that name"
        )
    });
    Finding::good(format!("tenant {}: permission to manage lists at {host}", tenant.name), note)
}
