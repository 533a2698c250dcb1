//! `demo`: the main job with nothing to set up. A simulated tenant and the listener run in this process, changes are
//! made with Graph's own calls, and the events are read over the listener's own API as they arrive.

mod changes;
mod graph;
mod live;
mod script;
mod stage;
mod view;

use std::future::pending;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use clap::Args;

use super::output::Output;
use super::signals::Signals;
use crate::clock::Clock;
use live::Live;
use stage::Stage;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// End after this time, such as 30s; without it the demo runs until it is stopped
    #[arg(long = "for", value_name = "DURATION", value_parser = crate::cli::readable::duration)]
    runs_for: Option<Duration>,
    /// Keep the listener's data in this folder; without it they are removed at the end
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// What the tenant's ids and the names in the changes follow from
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { runs_for, data, seed } = arguments;
    let clock = Clock::system();
    let mut signals = Signals::new()?;
    let end = async {
        let time_is_over = async {
            match runs_for {
                Some(time) => clock.sleep(time).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = time_is_over => {}
            () = signals.next() => {}
        }
    };
    let stage = Stage::set(data.as_deref(), seed, &clock).await?;
    let shown = show(&stage, &clock, seed, end).await;
    // Also after a failure: nothing stays behind.
    stage.strike().await?;
    shown
}

/// Makes changes, and shows them and what the listener makes of them, until `end`.
async fn show(stage: &Stage, clock: &Clock, seed: u64, end: impl Future<Output = ()>) -> anyhow::Result<()> {
    let mut output = Output::new();
    output.line(view::header(stage))?;
    let mut live = Live::begin(stage, clock, seed).await?;
    tokio::select! {
        ended = live.go_on(&mut output) => ended?,
        () = end => live.see_out(&mut output).await?,
    }
    output.line(live.summary())?;
    if live.came_to_nothing() {
        bail!("no event came of any change: the log above says what was in the way");
    }
    Ok(())
}
