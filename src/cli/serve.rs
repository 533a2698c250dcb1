//! `serve`: the listener.

use std::path::PathBuf;
use std::sync::Arc;

use sd_notify::NotifyState;

use super::load;
use super::signals::Signals;
use crate::app::App;
use crate::clock::Clock;

/// Runs until it is asked to stop, then finishes what is under way; asked again, it ends at once, as after a crash.
pub(super) async fn run(file: PathBuf) -> anyhow::Result<()> {
    let config = load(&file)?;
    let mut signals = Signals::new()?;
    let app = App::start_from(config, Arc::new(move || load(&file)), Clock::system()).await?;
    tell_systemd(NotifyState::Ready);
    signals.next().await;
    tell_systemd(NotifyState::Stopping);
    tokio::select! {
        () = app.stop() => Ok(()),
        () = signals.next() => std::process::exit(1),
    }
}

/// Does nothing where systemd did not start us.
fn tell_systemd(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd could not be told how the listener is doing");
    }
}
