//! `connector`: links to the Connect page of a running listener.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::json;

use super::output::{Look, Output};
use super::readable::plain;
use super::server::Server;

/// Longest glob shown.
const LONGEST: usize = 256;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a link to the Connect page: it connects one group, within seven days
    Invite {
        /// Offer only subscriptions with such a name; `*` stands for any letters
        #[arg(long, value_name = "GLOB", default_value = "*")]
        subscriptions: String,
    },
}

#[derive(Deserialize)]
struct Invited {
    url: String,
    offers: Option<usize>,
    expires_at: DateTime<Utc>,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { server, action: Action::Invite { subscriptions } } = arguments;
    let body = json!({ "subscriptions": subscriptions });
    let answer = server.client()?.post(&["connector", "invites"], Some(&body)).await?;
    let mut output = Output::new();
    if server.json {
        output.line(answer.document)?;
        return Ok(());
    }
    let Invited { url, offers, expires_at } = answer.read()?;
    output.line(url)?;
    output.line(format!(
        "Send it to one person of the group, and to nobody else. It connects one group and ends on {}; it is not \
         shown again. `sinks list` shows the group then.",
        expires_at.format("%Y-%m-%d at %H:%M UTC")
    ))?;
    if offers == Some(0) {
        let told = format!(
            "warning: no subscription has a name like '{}' now, so that the page offers nothing: `subscriptions list` shows \
             their names, and `connector invite --subscriptions GLOB` makes another link",
            plain(&subscriptions, LONGEST)
        );
        output.line(Look::Bad.on(told))?;
    }
    Ok(())
}
