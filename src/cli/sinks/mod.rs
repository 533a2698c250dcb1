//! `sinks`: where a running listener pushes events to.

mod shown;

use std::time::Duration;

use anyhow::bail;
use chrono::{DateTime, Utc};
use clap::{ArgGroup, Args, Subcommand};
use serde::Deserialize;
use serde_json::json;

use super::client::Client;
use super::output::Output;
use super::readable::{duration, plain, removed};
use super::server::Server;
use crate::clock::Clock;
use crate::model::{Cursor, Name};
use shown::{Again, DeadLetters, LONGEST, List, Looked, Tried, View, dead_letters, overview, state};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show all, how far each has come, and what is wrong
    List,
    /// Send an event that tells of nothing, and show what came of it
    Test {
        name: Name,
        /// Send nothing: show which events of this time it would have been sent
        #[arg(long, value_name = "DURATION", value_parser = duration)]
        since: Option<Duration>,
    },
    /// Show what would be sent
    Preview {
        name: Name,
        /// For this event, by its `sequence`; else for an event that tells of nothing
        #[arg(long, value_name = "CURSOR")]
        event: Option<Cursor>,
    },
    /// Send events again, with the same ids: everything after an event, or only what was written in some time or is of
    /// some subscriptions
    #[command(group = ArgGroup::new("from").required(true).multiple(true).args(["after", "since"]))]
    Replay {
        name: Name,
        /// Only what comes after the event with this `sequence`
        #[arg(long, value_name = "CURSOR")]
        after: Option<Cursor>,
        /// Only what was written since so long ago
        #[arg(long, value_name = "DURATION", value_parser = duration)]
        since: Option<Duration>,
        /// Only what was written until so long ago
        #[arg(long, value_name = "DURATION", value_parser = duration)]
        until: Option<Duration>,
        /// Only events of these subscriptions; '*' stands for any characters
        #[arg(long, value_name = "GLOB")]
        subscription: Option<String>,
    },
    /// Show what was given up after the last attempt
    DeadLetters { name: Name },
    /// Send what was given up, and what waits for its next attempt, now
    Retry {
        name: Name,
        /// Only the event with this id
        #[arg(long, value_name = "ID")]
        event: Option<String>,
    },
    /// Switch one on again that was switched off
    Enable { name: Name },
    /// Remove one that was made through the Connect button
    Remove { name: Name },
}

#[derive(Deserialize)]
struct Retried {
    retried: u64,
}

#[derive(Deserialize)]
struct Previewed {
    text: String,
}

impl Retried {
    fn told(&self, name: &Name) -> String {
        match self.retried {
            0 => format!("{name}: nothing waited for a later attempt."),
            1 => format!("{name}: one delivery is due now."),
            retried => format!("{name}: {retried} deliveries are due now."),
        }
    }
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { server, action } = arguments;
    let client = server.client()?;
    let now = Clock::system().now();
    let ago = |ago: &Option<Duration>| ago.map(|ago| now - ago);
    let of = |name: &Name, call: &'static str| ["sinks".to_owned(), name.to_string(), call.to_owned()];
    let (path, body) = match &action {
        Action::List => (vec!["sinks".to_owned()], None),
        Action::DeadLetters { name } => (of(name, "dead-letters").to_vec(), None),
        Action::Test { name, since } => (of(name, "test").to_vec(), Some(json!({ "since": ago(since) }))),
        Action::Preview { name, event } => (of(name, "preview").to_vec(), Some(json!({ "event": event }))),
        Action::Replay { name, after, since, until, subscription } => {
            let (since, until): (Option<DateTime<Utc>>, _) = (ago(since), ago(until));
            let part =
                json!({ "after": after, "since": since, "until": until, "subscription": subscription });
            (of(name, "replay").to_vec(), Some(part))
        }
        Action::Retry { name, event } => (of(name, "retry").to_vec(), Some(json!({ "event": event }))),
        Action::Enable { name } => (of(name, "enable").to_vec(), Some(json!({}))),
        Action::Remove { name } => return remove(&client, name, server.json).await,
    };
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let answer = match body {
        None => client.get(&path, &[]).await?,
        Some(body) => client.post(&path, Some(&body)).await?,
    };
    let test = matches!(action, Action::Test { since: None, .. });
    let tried = test.then(|| answer.read::<Tried>()).transpose()?;
    let refused = tried.as_ref().is_some_and(|tried| !tried.delivered);
    let mut output = Output::new();
    if server.json {
        output.line(&answer.document)?;
    } else if !refused {
        output.line(match &action {
            Action::List => overview(&answer.read::<List>()?.sinks, now),
            Action::DeadLetters { .. } => dead_letters(&answer.read::<DeadLetters>()?.dead_letters, now),
            Action::Test { since: Some(_), .. } => answer.read::<Looked>()?.told(),
            Action::Test { name, .. } => {
                let event = tried.as_ref().map(|tried| tried.event.as_str()).unwrap_or_default();
                format!("{name} took the event {event}.")
            }
            Action::Preview { .. } => answer.read::<Previewed>()?.text,
            Action::Replay { name, after: Some(_), since: None, until: None, subscription: None }
            | Action::Enable { name }
            | Action::Remove { name } => {
                format!("{name} is {}.", state(&answer.read::<View>()?))
            }
            Action::Replay { name, .. } => answer.read::<Again>()?.told(name),
            Action::Retry { name, .. } => answer.read::<Retried>()?.told(name),
        })?;
    }
    match (action, tried) {
        (Action::Test { name, .. }, Some(tried)) if !tried.delivered => {
            bail!("{name} did not take the event: {}", plain(&tried.attempt.told(), LONGEST))
        }
        _ => Ok(()),
    }
}

async fn remove(client: &Client, name: &Name, json: bool) -> anyhow::Result<()> {
    client.delete(&["sinks", name.as_str()]).await?;
    let done = format!("{name} is removed, and the address of its group forgotten.");
    Ok(Output::new().line(if json { removed(name) } else { done })?)
}
