use std::collections::HashMap;
use std::collections::hash_map::Entry;

use chrono::{DateTime, TimeDelta, Utc};

use super::finding::{Finding, ending};
use super::permissions::{self, Held};
use super::sites;
use crate::config::{self, Config, Proof};
use crate::model::{Credential, Kind, Name, Resource, Validity, Via};
use crate::office365::{Office365, Tenant};

/// How far the clocks may be apart before it is worth a word.
const APART: TimeDelta = TimeDelta::seconds(30);
/// How far before assertions are refused: they hold for some minutes.
const TOO_FAR: TimeDelta = TimeDelta::minutes(5);
/// Microsoft Graph's own id, which some tokens name in the place of its address.
const GRAPH: &str = "00000003-0000-0000-c000-000000000000";

/// Tries a tenant's sign-in and clock, looks at what the token allows, and for each resource that is followed.
pub(super) async fn check(
    config: &Config,
    office365: &Office365,
    tenant: &config::Tenant,
    now: DateTime<Utc>,
) -> Vec<Finding> {
    let subject = format!("tenant {}: sign-in", tenant.name);
    let Some(client) = office365.tenant(&tenant.name) else { return vec![] };
    let end = client.credential().map(|credential| check_end(&credential, now));
    let clock = check_clock(client, tenant).await;
    let signed_in = match client.sign_in().await {
        Ok(signed_in) => signed_in,
        Err(failure) => {
            let refused = Finding::bad(subject, format!("{failure} [{}]", failure.code));
            // That it has ended may be why, or a clock that is wrong.
            let why = end.filter(|end| end.problem.is_some());
            return std::iter::once(refused).chain(why).chain(clock).collect();
        }
    };
    let mut findings = vec![Finding::good(subject, None)];
    findings.extend(end);
    findings.extend(clock);
    findings.extend(check_audience(tenant, signed_in.audience.as_deref()));
    let followed: Vec<_> = config.subscriptions.iter().filter(|entry| entry.tenant == tenant.name).collect();
    let over_graph = |entry: &&config::Subscription| entry.via == Via::Graph;
    for kind in [Kind::ListItem, Kind::DriveItem, Kind::Message] {
        if followed.iter().copied().filter(over_graph).any(|entry| kind_of(&entry.resource) == kind) {
            findings.push(check_permission(tenant, kind, &signed_in.roles));
        }
    }
    findings.extend(sites::check(tenant, client, &followed).await);
    let mut resolved = Followed::new();
    for entry in followed {
        findings.push(check_resource(client, entry, &mut resolved).await);
    }
    findings
}

/// Compares this machine's clock with the login host's, where that answers.
async fn check_clock(client: &Tenant, tenant: &config::Tenant) -> Option<Finding> {
    // A managed identity is asked for on this machine, which need not reach the login host.
    if matches!(tenant.proof, Proof::ManagedIdentity(_)) {
        return None;
    }
    Some(judge_clock(&tenant.name, client.clock_ahead().await?))
}

/// `ahead`: how far this clock is before the other one; negative: behind it.
fn judge_clock(tenant: &Name, ahead: TimeDelta) -> Finding {
    let subject = format!("tenant {tenant}: clock");
    let apart = ahead.abs();
    if apart <= APART {
        return Finding::good(subject, None);
    }
    let side = if ahead > TimeDelta::zero() { "ahead of" } else { "behind" };
    let told = format!("this machine's clock is {} {side} the login host's", shown(apart));
    let mend = "set it by the network (chrony, systemd-timesyncd)";
    if apart <= TOO_FAR {
        return Finding::good(subject, format!("warning: {told}: {mend}"));
    }
    let harm = "assertions to sign in with are refused, and tokens and subscriptions end at other times than expected";
    Finding::bad(subject, format!("{told}: {harm}; {mend}"))
}

fn shown(apart: TimeDelta) -> String {
    match apart.num_seconds() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

/// Whether the token is for Graph of the tenant's cloud. One that does not say is left to Graph.
fn check_audience(tenant: &config::Tenant, audience: Option<&str>) -> Option<Finding> {
    let (audience, graph) = (audience?, tenant.cloud.graph());
    if audience.trim_end_matches('/').eq_ignore_ascii_case(graph) || audience.eq_ignore_ascii_case(GRAPH) {
        return None;
    }
    let problem = format!(
        "the token is for {audience} and not for {graph}, which will refuse it: check cloud, login_url, and whether a proxy \
         answers in the login host's place"
    );
    Some(Finding::bad(format!("tenant {}: audience of the token", tenant.name), problem))
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

/// Looks for a permission in the token. Its absence is a warning: Exchange can grant mail without one there (RBAC for
/// applications), and Microsoft's pages disagree on others; whether reading works is tried with each resource.
fn check_permission(tenant: &config::Tenant, kind: Kind, roles: &[String]) -> Finding {
    let person = matches!(tenant.proof, Proof::Delegated);
    let subject = format!("tenant {}: permission to read {kind}s", tenant.name);
    Finding::good(subject, permission(person, kind, &permissions::held(kind, roles)))
}

fn permission(person: bool, kind: Kind, held: &Held) -> String {
    let least = permissions::least(kind);
    let mend = if person {
        format!(
            "give the app registration the delegated permission {least} of Microsoft Graph, and sign in again"
        )
    } else {
        format!(
            "give the app registration the application permission {least} of Microsoft Graph, and grant admin consent"
        )
    };
    match held {
        Held::Enough(role) => role.clone(),
        Held::Reads(role, more) => format!(
            "{role}; should Office 365 refuse to renew with it (403), it takes {more}, which Microsoft's pages name there"
        ),
        Held::Doubtful(role, why) => format!("warning: {role} only: {why}. If it is not enough, {mend}"),
        Held::Missing if kind == Kind::Message && !person => {
            format!("not in the token: right if Exchange grants it (RBAC for applications), otherwise {mend}")
        }
        Held::Missing => format!("warning: the token does not hold it: {mend}"),
    }
}

/// What each resource and way is followed by, however it is addressed.
type Followed<'a> = HashMap<(String, Via), &'a Name>;

/// Looks whether it is there, and whether another entry follows it already: the listener follows it once.
async fn check_resource<'a>(
    client: &Tenant,
    entry: &'a config::Subscription,
    followed: &mut Followed<'a>,
) -> Finding {
    let subject = format!("subscription {}: {}", entry.name, entry.resource);
    match client.resolve(&entry.resource, entry.via).await {
        Ok(resolved) => match followed.entry((resolved.target.key(), entry.via)) {
            Entry::Vacant(place) => {
                place.insert(&entry.name);
                Finding::good(subject, None)
            }
            Entry::Occupied(other) => Finding::bad(
                subject,
                format!(
                    "is what subscription '{}' follows already, by another address: remove one of the two \
                     [followedAlready]",
                    other.get()
                ),
            ),
        },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_are_apart_are_told_by_how_much_that_harms() {
        for (seconds, problem, note) in [
            (0, None, None),
            (30, None, None),
            (-30, None, None),
            (31, None, Some("31 s ahead of")),
            (-300, None, Some("5 min behind")),
            (301, Some("5 min ahead of"), None),
            (-86_400, Some("24 h behind"), None),
        ] {
            let finding = judge_clock(&"contoso".parse().unwrap(), TimeDelta::seconds(seconds));
            for (told, expected) in [(finding.problem, problem), (finding.note, note)] {
                assert_eq!(told.is_some(), expected.is_some(), "{seconds}: {told:?}");
                assert!(told.unwrap_or_default().contains(expected.unwrap_or_default()), "{seconds}");
            }
        }
    }

    #[test]
    fn a_permission_that_is_missing_is_told_with_what_to_grant() {
        for (person, kind, held, words) in [
            (
                false,
                Kind::ListItem,
                Held::Missing,
                "warning: the token does not hold it: give the app registration the application permission Sites.Read.All",
            ),
            (
                true,
                Kind::DriveItem,
                Held::Missing,
                "delegated permission Files.Read.All of Microsoft Graph, and sign in again",
            ),
            (false, Kind::Message, Held::Missing, "right if Exchange grants it"),
            (true, Kind::Message, Held::Missing, "warning: the token does not hold it"),
            (
                false,
                Kind::ListItem,
                Held::Doubtful("Sites.Selected".into(), "x"),
                "warning: Sites.Selected only: x.",
            ),
            (
                false,
                Kind::ListItem,
                Held::Reads("A".into(), "B"),
                "A; should Office 365 refuse to renew with it (403), it takes B",
            ),
        ] {
            let said = permission(person, kind, &held);
            assert!(said.contains(words), "{said}");
        }
    }
}
