//! `subscriptions`: what a running listener follows.

mod plan;
mod shown;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use reqwest::StatusCode;
use serde_json::{Map, Value};

use super::client::{Answer, Client};
use super::output::Output;
use super::readable::removed;
use super::server::Server;
use crate::clock::Clock;
use crate::model::{Name, Resource, Start, Via};
use shown::{List, View, details, overview};

/// Subscriptions asked for at once: as many as the API gives.
const PAGE: usize = 1000;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show all
    List,
    /// Show one
    Show { name: Name },
    /// Follow something more; done once Office 365 has accepted it
    Add(Addition),
    /// No longer follow it, and remove it at Office 365
    Remove { name: Name },
    /// Renew it at Office 365 now
    Renew { name: Name },
    /// Look for changes now
    Fetch { name: Name },
    /// Read everything anew and tell what differs from what is known
    Resync { name: Name },
    /// Fetch nothing for a while; it is renewed, and notifications are kept
    Pause { name: Name },
    /// Fetch again, from where it was paused
    Resume { name: Name },
    /// Show what `apply` would change: the listener reads its configuration again and asks Office 365 what it holds
    Plan,
    /// Make Office 365 and the store agree with the configuration
    Apply,
}

/// A subscription to add.
#[derive(Debug, Args)]
struct Addition {
    /// What it is called here: lower-case letters, digits and '-'
    name: Name,
    /// The tenant, by its name in the configuration
    #[arg(long)]
    tenant: Name,
    /// What to follow, such as onedrive:alice@contoso.com
    #[arg(long)]
    resource: Resource,
    /// The way of following it: graph, or sharepoint for lists and libraries [default: graph]
    #[arg(long)]
    via: Option<Via>,
    /// What to tell of the time before: now, baseline or beginning [default: now]
    #[arg(long)]
    start: Option<Start>,
    /// How long Office 365 keeps it until it is renewed: max, or a duration such as 2d [default: max]
    #[arg(long)]
    lifetime: Option<String>,
    /// Mail: let notifications bring the message, encrypted
    #[arg(long)]
    include_resource_data: bool,
}

impl Addition {
    fn document(self) -> Value {
        let named = [
            ("name", Some(self.name.to_string())),
            ("tenant", Some(self.tenant.to_string())),
            ("resource", Some(self.resource.to_string())),
            ("via", self.via.map(|via| via.to_string())),
            ("start", self.start.map(|start| start.to_string())),
            ("lifetime", self.lifetime),
        ];
        let named = named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
        let content = self.include_resource_data.then(|| ("include_resource_data".to_owned(), true.into()));
        let given = named.chain(content);
        Value::Object(given.collect::<Map<_, _>>())
    }
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { server, action } = arguments;
    let client = server.client()?;
    let all = "subscriptions";
    let mut output = Output::new();
    let (answer, done) = match action {
        Action::List => {
            let shown = if server.json {
                client.get(&[all], &[]).await?.document
            } else {
                overview(&every(&client).await?, now())
            };
            return Ok(output.line(shown)?);
        }
        Action::Show { name } => (client.get(&[all, name.as_str()], &[]).await?, None),
        Action::Add(addition) => {
            let done = format!("{} is followed.", addition.name);
            (client.post(&[all], Some(&addition.document())).await?, Some(done))
        }
        Action::Remove { name } => {
            let mut gone = client.delete(&[all, name.as_str()]).await?;
            if server.json && gone.document.is_empty() {
                gone.document = removed(&name);
            }
            (gone, Some(format!("{name} is removed.")))
        }
        Action::Renew { name } => {
            (client.post(&[all, name.as_str(), "renew"], None).await?, Some(format!("{name} is renewed.")))
        }
        Action::Fetch { name } => {
            (client.post(&[all, name.as_str(), "fetch"], None).await?, Some(format!("{name} is fetched.")))
        }
        Action::Pause { name } => {
            (client.post(&[all, name.as_str(), "pause"], None).await?, Some(format!("{name} is paused.")))
        }
        Action::Resume { name } => {
            (client.post(&[all, name.as_str(), "resume"], None).await?, Some(format!("{name} is resumed.")))
        }
        Action::Plan => return plan::show(&client, server.json, &mut output).await,
        Action::Apply => return plan::apply(&client, server.json, &mut output).await,
        Action::Resync { name } => {
            (client.post(&[all, name.as_str(), "resync"], None).await?, Some(format!("{name} is read anew.")))
        }
    };
    output.line(if server.json { answer.document } else { report(&answer, done)? })?;
    Ok(())
}

/// All subscriptions, page by page.
async fn every(client: &Client) -> anyhow::Result<Vec<View>> {
    let (mut found, mut after) = (Vec::new(), None::<Name>);
    loop {
        let after_this = after.iter().map(|name| ("after", name.to_string()));
        let query: Vec<_> = [("limit", PAGE.to_string())].into_iter().chain(after_this).collect();
        let page: List = client.get(&["subscriptions"], &query).await?.read()?;
        found.extend(page.subscriptions);
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}

fn now() -> DateTime<Utc> {
    Clock::system().now()
}

/// What became of a call, and how the subscription is now.
fn report(answer: &Answer, done: Option<String>) -> anyhow::Result<String> {
    let done = if answer.status == StatusCode::ACCEPTED {
        Some(
            "Not done yet: the listener goes on with it, and `subscriptions list` tells how it went."
                .to_owned(),
        )
    } else {
        done
    };
    // A removal leaves nothing to show.
    let shown =
        (!answer.document.is_empty()).then(|| Ok::<_, anyhow::Error>(details(&answer.read()?, now())));
    Ok([done, shown.transpose()?].into_iter().flatten().collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_was_given_is_asked_for() {
        let addition = Addition {
            name: "files".parse().unwrap(),
            tenant: "contoso".parse().unwrap(),
            resource: "onedrive:alice@contoso.com".parse().unwrap(),
            via: None,
            start: Some(Start::Baseline),
            lifetime: None,
            include_resource_data: false,
        };
        let document = json!({"name": "files", "tenant": "contoso", "resource": "onedrive:alice@contoso.com", "start": "baseline"});
        assert_eq!(addition.document(), document);
    }
}
