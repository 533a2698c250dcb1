//! `consumers`: named readers of a running listener's event log.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde::Deserialize;

use super::output::{Look, Output};
use super::readable::{distance, removed, table};
use super::server::Server;
use crate::clock::Clock;
use crate::model::{Cursor, Name};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show all, and how far they are
    List,
    /// Forget one and its place in the log
    Remove { name: Name },
}

#[derive(Debug, Deserialize)]
struct List {
    consumers: Vec<View>,
}

/// What is shown of a consumer.
#[derive(Debug, Deserialize)]
struct View {
    name: Name,
    cursor: Cursor,
    committed_at: DateTime<Utc>,
    lag: u64,
    lost: u64,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { server, action } = arguments;
    let client = server.client()?;
    let mut output = Output::new();
    match action {
        Action::List => {
            let answer = client.get(&["consumers"], &[]).await?;
            if server.json {
                output.line(answer.document)?;
            } else {
                output.line(overview(&answer.read::<List>()?.consumers, Clock::system().now()))?;
            }
        }
        Action::Remove { name } => {
            client.delete(&["consumers", name.as_str()]).await?;
            output.line(if server.json { removed(&name) } else { format!("{name} is forgotten.") })?;
        }
    }
    Ok(())
}

fn overview(views: &[View], now: DateTime<Utc>) -> String {
    if views.is_empty() {
        return "There are none: a consumer is made by its first commit.".to_owned();
    }
    let rows = views.iter().map(|view| {
        [
            view.name.to_string(),
            view.lag.to_string(),
            distance(view.committed_at, now),
            view.cursor.to_string(),
        ]
    });
    let table = table(["NAME", "LAG", "COMMITTED", "CURSOR"], rows);
    let losers = views.iter().filter(|view| view.lost > 0).map(|view| {
        let lost = format!("{} events were deleted before it committed them", view.lost);
        format!("{}: {}", view.name, Look::Bad.on(lost))
    });
    std::iter::once(table).chain(losers).collect::<Vec<_>>().join("\n")
}
