//! `subscriptions plan` and `apply`.

use anyhow::bail;
use reqwest::StatusCode;
use serde::Deserialize;

use super::shown::{LONGEST, wrong};
use crate::cli::client::Client;
use crate::cli::output::{Look, Output};
use crate::cli::readable::{plain, table};
use crate::clock::Clock;
use crate::model::{Name, Trouble};

/// Longest text shown of what Office 365 calls a resource that nobody knows here: it may name forty properties.
const UNKNOWN: usize = 60;

/// What is to be changed, or was.
#[derive(Debug, Deserialize)]
struct Plan {
    changes: Vec<Change>,
    left_alone: Vec<Change>,
    unchanged: usize,
    not_listed: Vec<NotListed>,
}

#[derive(Debug, Deserialize)]
struct Change {
    action: String,
    subscription: Option<Name>,
    tenant: Name,
    resource: String,
    remote_id: Option<String>,
    reason: String,
    /// Only of what was applied.
    result: Option<String>,
    error: Option<Trouble>,
}

#[derive(Debug, Deserialize)]
struct NotListed {
    tenant: Name,
    error: Trouble,
}

pub(super) async fn show(client: &Client, json: bool, output: &mut Output) -> anyhow::Result<()> {
    let answer = client.get(&["plan"], &[]).await?;
    let shown = if json { answer.document } else { planned(&answer.read()?) };
    Ok(output.line(shown)?)
}

/// Fails if anything of it did: a script has to notice.
pub(super) async fn apply(client: &Client, json: bool, output: &mut Output) -> anyhow::Result<()> {
    let answer = client.post(&["apply"], None).await?;
    if answer.status == StatusCode::ACCEPTED {
        let more = "Not done yet: the listener goes on with it, and `subscriptions plan` tells what is left.";
        return Ok(output.line(if json { &answer.document } else { more })?);
    }
    let plan: Plan = answer.read()?;
    output.line(if json { answer.document } else { applied(&plan) })?;
    let failed = plan.changes.iter().filter(|change| change.result.as_deref() == Some("failed")).count();
    if failed > 0 || !plan.not_listed.is_empty() {
        bail!(
            "not everything was done: {failed} of {} changes failed, {} tenants did not answer",
            plan.changes.len(),
            plan.not_listed.len()
        );
    }
    Ok(())
}

fn planned(plan: &Plan) -> String {
    let mut parts = Vec::new();
    if plan.changes.is_empty() {
        parts.push("Nothing to do: Office 365 and the store agree with the configuration.".to_owned());
    } else {
        let rows = plan
            .changes
            .iter()
            .map(|change| [change.action.clone(), name(change), what(change), why(change)]);
        parts.push(table(["ACTION", "SUBSCRIPTION", "RESOURCE", "WHY"], rows));
    }
    parts.extend(rest(plan));
    if !plan.changes.is_empty() {
        parts.push("`subscriptions apply` does it.".to_owned());
    }
    parts.join("\n")
}

fn applied(plan: &Plan) -> String {
    let mut parts = Vec::new();
    if plan.changes.is_empty() {
        parts.push("Nothing was to be done.".to_owned());
    } else {
        let rows = plan.changes.iter().map(|change| {
            let result = change.result.clone().unwrap_or_default();
            [change.action.clone(), name(change), what(change), result]
        });
        parts.push(table(["ACTION", "SUBSCRIPTION", "RESOURCE", "RESULT"], rows));
    }
    let now = Clock::system().now();
    parts.extend(
        plan.changes.iter().filter_map(|change| {
            Some(format!("{}: {}", subject(change), wrong(change.error.as_ref()?, now)))
        }),
    );
    parts.extend(rest(plan));
    parts.join("\n")
}

/// What is not changed, and why.
fn rest(plan: &Plan) -> Vec<String> {
    let mut lines: Vec<String> = plan
        .left_alone
        .iter()
        .map(|change| format!("left alone: {} in {}: {}", what(change), change.tenant, why(change)))
        .collect();
    lines.extend(plan.not_listed.iter().map(|one| {
        let why = format!("{}: {}", plain(&one.error.code, LONGEST), plain(&one.error.message, LONGEST));
        format!("{}: Office 365 does not tell what it holds: {}", one.tenant, Look::Bad.on(why))
    }));
    lines.push(format!("{} as they should be, {} left alone.", plan.unchanged, plan.left_alone.len()));
    lines
}

fn name(change: &Change) -> String {
    change.subscription.as_ref().map_or_else(|| "-".to_owned(), Name::to_string)
}

/// What a line about one begins with.
fn subject(change: &Change) -> String {
    change.subscription.as_ref().map_or_else(|| what(change), Name::to_string)
}

/// The address; of what nobody knows here, Office 365's words and its id.
fn what(change: &Change) -> String {
    match (&change.subscription, &change.remote_id) {
        (None, Some(id)) => format!("{} ({})", plain(&change.resource, UNKNOWN), plain(id, LONGEST)),
        _ => plain(&change.resource, LONGEST),
    }
}

fn why(change: &Change) -> String {
    plain(&change.reason, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn plan() -> Plan {
        let change = |action: &str, name: Option<&str>, reason: &str| {
            json!({"action": action, "subscription": name, "tenant": "contoso", "resource": "onedrive:a@b.c",
                   "remote_id": "r1", "reason": reason})
        };
        let changes = [
            change("create", Some("files"), "the configuration names it"),
            change("delete", None, "nobody\nknows it"),
        ];
        serde_json::from_value(json!({
            "changes": changes, "left_alone": [change("leave", None, "it is not ours: it notifies x.example")],
            "unchanged": 2,
            "not_listed": [{"tenant": "fabrikam", "error": {"code": "unreachable", "message": "no connection", "transient": true, "next_attempt_at": null}}],
        }))
        .unwrap()
    }

    #[test]
    fn a_plan_is_a_table_with_what_is_left_alone_below() {
        insta::assert_snapshot!(anstream::adapter::strip_str(&planned(&plan())), @r"
        ACTION  SUBSCRIPTION  RESOURCE             WHY
        create  files         onedrive:a@b.c       the configuration names it
        delete  -             onedrive:a@b.c (r1)  nobody knows it
        left alone: onedrive:a@b.c (r1) in contoso: it is not ours: it notifies x.example
        fabrikam: Office 365 does not tell what it holds: unreachable: no connection
        2 as they should be, 1 left alone.
        `subscriptions apply` does it.
        ");
        let nothing = Plan { changes: vec![], left_alone: vec![], unchanged: 3, not_listed: vec![] };
        insta::assert_snapshot!(planned(&nothing), @r"
        Nothing to do: Office 365 and the store agree with the configuration.
        3 as they should be, 0 left alone.
        ");
    }

    #[test]
    fn what_nobody_knows_is_cut_and_what_is_configured_is_not() {
        let mut plan = plan();
        for change in &mut plan.changes {
            change.resource = format!("/users/a/messages?$select={}", "property,".repeat(40));
        }
        assert!(what(&plan.changes[0]).len() > 300);
        assert!(what(&plan.changes[1]).ends_with("… (r1)") && what(&plan.changes[1]).chars().count() < 70);
    }

    #[test]
    fn what_was_applied_says_how_each_went() {
        let mut plan = plan();
        plan.changes[0].result = Some("done".into());
        plan.changes[1].result = Some("failed".into());
        plan.changes[1].error = Some(Trouble {
            code: "accessDenied".into(),
            message: "not allowed".into(),
            transient: false,
            next_attempt_at: None,
        });
        insta::assert_snapshot!(anstream::adapter::strip_str(&applied(&plan)), @r"
        ACTION  SUBSCRIPTION  RESOURCE             RESULT
        create  files         onedrive:a@b.c       done
        delete  -             onedrive:a@b.c (r1)  failed
        onedrive:a@b.c (r1): accessDenied: not allowed
        left alone: onedrive:a@b.c (r1) in contoso: it is not ours: it notifies x.example
        fabrikam: Office 365 does not tell what it holds: unreachable: no connection
        2 as they should be, 1 left alone.
        ");
    }
}
