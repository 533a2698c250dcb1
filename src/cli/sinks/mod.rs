//! `sinks`: where a running listener pushes events to.

mod shown;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::json;

use super::output::Output;
use super::readable::plain;
use super::server::Server;
use crate::clock::Clock;
use crate::model::{Cursor, Name};
use shown::{DeadLetters, LONGEST, List, Tried, View, dead_letters, overview, state};

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
    Test { name: Name },
    /// Show what would be sent
    Preview {
        name: Name,
        /// For this event, by its `sequence`; else for an event that tells of nothing
        #[arg(long, value_name = "CURSOR")]
        event: Option<Cursor>,
    },
    /// Send everything after an event again, with the same ids
    Replay {
        name: Name,
        /// The `sequence` of that event
        #[arg(long, value_name = "CURSOR")]
        after: Cursor,
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

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { server, action } = arguments;
    let client = server.client()?;
    let of = |name: &Name, call: &'static str| ["sinks".to_owned(), name.to_string(), call.to_owned()];
    let (path, body) = match &action {
        Action::List => (vec!["sinks".to_owned()], None),
        Action::DeadLetters { name } => (of(name, "dead-letters").to_vec(), None),
        Action::Test { name } => (of(name, "test").to_vec(), Some(json!({}))),
        Action::Preview { name, event } => (of(name, "preview").to_vec(), Some(json!({ "event": event }))),
        Action::Replay { name, after } => (of(name, "replay").to_vec(), Some(json!({ "after": after }))),
        Action::Retry { name, event } => (of(name, "retry").to_vec(), Some(json!({ "event": event }))),
        Action::Enable { name } => (of(name, "enable").to_vec(), Some(json!({}))),
        Action::Remove { name } => {
            client.delete(&["sinks", name.as_str()]).await?;
            if !server.json {
                Output::new().line(format!("{name} is removed, and the address of its group forgotten."))?;
            }
            return Ok(());
        }
    };
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let answer = match body {
        None => client.get(&path, &[]).await?,
        Some(body) => client.post(&path, Some(&body)).await?,
    };
    let tried = matches!(action, Action::Test { .. }).then(|| answer.read::<Tried>()).transpose()?;
    let refused = tried.as_ref().is_some_and(|tried| !tried.delivered);
    let mut output = Output::new();
    if server.json {
        output.line(&answer.document)?;
    } else if !refused {
        let now = Clock::system().now();
        output.line(match &action {
            Action::List => overview(&answer.read::<List>()?.sinks, now),
            Action::DeadLetters { .. } => dead_letters(&answer.read::<DeadLetters>()?.dead_letters, now),
            Action::Test { name } => {
                let event = tried.as_ref().map(|tried| tried.event.as_str()).unwrap_or_default();
                format!("{name} took the event {event}.")
            }
            Action::Preview { .. } => answer.read::<Previewed>()?.text,
            Action::Replay { name, .. } | Action::Enable { name } | Action::Remove { name } => {
                format!("{name} is {}.", state(&answer.read::<View>()?))
            }
            Action::Retry { name, .. } => {
                format!("{name}: {} deliveries are sent now.", answer.read::<Retried>()?.retried)
            }
        })?;
    }
    match (action, tried) {
        (Action::Test { name }, Some(tried)) if !tried.delivered => {
            bail!("{name} did not take the event: {}", plain(&tried.attempt.told(), LONGEST))
        }
        _ => Ok(()),
    }
}
