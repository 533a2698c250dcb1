//! `simulate`: a simulated tenant to develop against.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use chrono::{DateTime, Utc};
use clap::Args;

use super::output::{Look, Output};
use super::readable::{fields, time};
use super::signals::Signals;
use crate::clock::Clock;
use crate::simulator::{self, Options, Tenant};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Where it listens; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9400")]
    listen: SocketAddr,
    /// What its ids, secrets and chance follow from
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Its time stands still here (2026-11-23T10:00:00Z), and moves under `/_control/time` alone
    #[arg(long, value_name = "TIME", value_parser = time)]
    time: Option<DateTime<Utc>>,
    /// Say where it is as one line of JSON
    #[arg(long)]
    json: bool,
    /// Print a config.toml that follows it, and exit
    #[arg(long)]
    print_config: bool,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { listen, seed, time, json, print_config } = arguments;
    let mut output = Output::new();
    if print_config {
        if listen.port() == 0 {
            bail!(
                "with port 0 nobody knows yet where it will be: name a port, as in --listen 127.0.0.1:9400"
            );
        }
        let tenant = simulator::tenant(&simulator::url_of(listen), seed);
        output.line(simulator::print_config(&tenant).trim_end())?;
        return Ok(());
    }
    let mut signals = Signals::new()?;
    // Without a time of its own it runs with the machine's, and can be put forward.
    let clock = time.map_or_else(Clock::movable, Clock::manual);
    let options = Options { listen, seed, clock, ..Options::default() };
    let simulator = simulator::start(options).await.with_context(|| {
        format!("cannot listen on {listen}: free that port, or name another with --listen")
    })?;
    if json {
        output.line(serde_json::to_string(simulator.tenant())?)?;
    } else {
        output.line(introduction(simulator.tenant()))?;
    }
    signals.next().await;
    simulator.stop().await;
    Ok(())
}

fn introduction(tenant: &Tenant) -> String {
    let Tenant { url, tenant_id, client_id, client_secret, resources, .. } = tenant;
    let rows = [
        ("tenant_id", tenant_id.to_string()),
        ("client_id", client_id.to_string()),
        ("client_secret", client_secret.clone()),
        ("certificate", format!("POST {url}/_control/certificates registers one (PEM)")),
        ("list", resources.list.clone()),
        ("drive", resources.drive.clone()),
        ("mail", resources.mail.clone()),
        ("its state", format!("{url}/")),
        ("controls", format!("{url}/_control")),
    ];
    let heading = format!("A simulated tenant answers at {url}");
    format!(
        "{}\n{}\n`o365-listener simulate --print-config > config.toml` (with the same options) makes a configuration that follows it.",
        Look::Strong.on(heading),
        fields(rows)
    )
}
