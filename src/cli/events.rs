//! `events`: reads the log of a running listener, and follows it.

use clap::{Args, Subcommand};
use serde::Deserialize;

use super::event::{self, Event};
use super::follow::Follower;
use super::output::{Look, Output};
use super::readable::table;
use super::server::Server;
use crate::clock::Clock;
use crate::model::{Cursor, InvalidCursor};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Read a page of the log, oldest first
    List {
        #[command(flatten)]
        wanted: Wanted,
        /// Events at most
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
    /// Show events as they are written, from now on
    Tail {
        #[command(flatten)]
        wanted: Wanted,
    },
}

/// Which events are wanted.
#[derive(Debug, Args)]
struct Wanted {
    /// Begin after this event: a `sequence`, or a `next` of an earlier answer
    #[arg(long, value_name = "CURSOR", value_parser = place)]
    after: Option<String>,
    /// Only of subscriptions whose name matches
    #[arg(long, value_name = "GLOB")]
    subscription: Option<String>,
    /// Only of types that match, such as 'o365.driveItem.*'
    #[arg(long = "type", value_name = "GLOB")]
    event_type: Option<String>,
}

/// `latest` or a cursor.
fn place(text: &str) -> Result<String, String> {
    if text == "latest" {
        return Ok(text.to_owned());
    }
    let cursor: Result<Cursor, InvalidCursor> = text.parse();
    cursor.map(|cursor| cursor.to_string()).map_err(|error| format!("{error}, or `latest`"))
}

#[derive(Deserialize)]
struct Page {
    events: Vec<Event>,
    next: Cursor,
}

impl Wanted {
    fn query(self) -> Vec<(&'static str, String)> {
        let named = [("after", self.after), ("subscription", self.subscription), ("type", self.event_type)];
        named.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { server, action } = arguments;
    match action {
        Action::List { wanted, limit } => list(&server, wanted, limit).await,
        Action::Tail { wanted } => tail(&server, wanted).await,
    }
}

async fn list(server: &Server, wanted: Wanted, limit: u16) -> anyhow::Result<()> {
    let mut query = wanted.query();
    query.push(("limit", limit.to_string()));
    let client = server.client()?;
    let answer = client.get(&["events"], &query).await?;
    let mut output = Output::new();
    if server.json {
        return Ok(output.line(answer.document)?);
    }
    let Page { events, next } = answer.read()?;
    if events.is_empty() {
        return Ok(output.line("No events there.")?);
    }
    let header = ["#", "TIME", "TYPE", "SUBSCRIPTION", "ITEM", "CHANGED", "BY"];
    output.line(table(header, events.iter().map(Event::cells)))?;
    let beyond = [("after", next.to_string()), ("limit", "1".to_owned())];
    let rest: Page = client.get(&["events"], &beyond).await?.read()?;
    let told = match rest.events.as_slice() {
        [] => "That is the end of the log.".to_owned(),
        _ => format!("The log goes on: --after {}", next.number()),
    };
    Ok(output.line(Look::Faint.on(told))?)
}

async fn tail(server: &Server, mut wanted: Wanted) -> anyhow::Result<()> {
    wanted.after.get_or_insert_with(|| "latest".to_owned());
    let mut follower = Follower::begin(server.client()?, Clock::system(), wanted.query()).await?;
    let mut output = Output::new();
    loop {
        let event = follower.next().await?;
        if server.json {
            output.line(event)?;
        } else {
            output.line(event::live(&serde_json::from_str(&event)?))?;
        }
    }
}
