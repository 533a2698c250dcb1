//! The command line: one file per command. A command writes its answer to standard output and logs to standard error;
//! an error is one line there that says what to do about it.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage. A reader that closes the pipe ends a command quietly.

mod check;
mod client;
mod connector;
mod consumers;
mod demo;
mod event;
mod events;
mod follow;
mod login;
mod output;
mod readable;
mod serve;
mod server;
mod signals;
mod simulate;
mod sinks;
mod sse;
mod subscriptions;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{self, Config};
use crate::telemetry;

/// Follows SharePoint lists, OneDrive and mailboxes of Microsoft 365 and keeps a durable, ordered log of what changed.
#[derive(Debug, Parser)]
#[command(name = "o365-listener", version)]
struct Cli {
    /// The configuration
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "O365_LISTENER_CONFIG",
        default_value = "config.toml"
    )]
    config: PathBuf,
    /// How logs are written to standard error; `O365_LISTENER_LOG` says what: a level such as debug, or a filter
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t)]
    log_format: telemetry::Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the main job at work with nothing to set up: a simulated tenant, the listener, and changes being made
    Demo(demo::Arguments),
    /// Run the listener
    Serve,
    /// Try everything that the configuration names
    Check,
    /// Sign in as a person, for a tenant whose app acts for that person
    Login(login::Arguments),
    /// Run a simulated tenant to develop against
    Simulate(simulate::Arguments),
    /// Look after subscriptions of a running listener
    #[command(subcommand_required = true)]
    Subscriptions(subscriptions::Arguments),
    /// Look after sinks of a running listener
    #[command(subcommand_required = true)]
    Sinks(sinks::Arguments),
    /// Read the event log of a running listener
    #[command(subcommand_required = true)]
    Events(events::Arguments),
    /// Invite groups to be told of changes, by the Connect button of a running listener
    #[command(subcommand_required = true)]
    Connector(connector::Arguments),
    /// Look after the named readers of a running listener's event log
    #[command(subcommand_required = true)]
    Consumers(consumers::Arguments),
}

/// Parses the command line, does what it says, and tells how it went.
pub async fn run() -> ExitCode {
    match Cli::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody to tell when standard error is gone, too.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Cli {
    async fn run(self) -> anyhow::Result<()> {
        telemetry::start(self.log_format, &self.log_filter())?;
        match self.command {
            Command::Demo(arguments) => demo::run(arguments).await,
            Command::Serve => serve::run(self.config).await,
            Command::Check => check::run(load(&self.config)?).await,
            Command::Login(arguments) => login::run(load(&self.config)?, arguments).await,
            Command::Simulate(arguments) => simulate::run(arguments).await,
            Command::Subscriptions(arguments) => subscriptions::run(arguments).await,
            Command::Sinks(arguments) => sinks::run(arguments).await,
            Command::Events(arguments) => events::run(arguments).await,
            Command::Connector(arguments) => connector::run(arguments).await,
            Command::Consumers(arguments) => consumers::run(arguments).await,
        }
    }

    /// What is logged unless the environment says otherwise: much of what runs for months, little of a command whose own
    /// lines must not drown in it.
    fn log_filter(&self) -> String {
        // What the HTTP library says of who speaks something else concerns nobody here.
        let default = if matches!(self.command, Command::Serve) {
            "info,actix_server=warn,actix_http::h1::dispatcher=off"
        } else {
            "warn,actix_http::h1::dispatcher=off"
        };
        std::env::var(telemetry::FILTER_VARIABLE).unwrap_or_else(|_| default.to_owned())
    }
}

fn load(file: &std::path::Path) -> Result<Config, config::ConfigError> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    config::load(file, std::env::vars_os().filter_map(text))
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let cause = error.root_cause().downcast_ref::<io::Error>();
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests;
