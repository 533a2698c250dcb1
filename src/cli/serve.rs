//! `serve`: the listener.

use sd_notify::NotifyState;

use super::signals::Signals;
use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;

/// Runs until it is asked to stop, then finishes what is under way; asked again, it ends at once, as after a crash.
pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let app = App::start(config, Clock::system()).await?;
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
