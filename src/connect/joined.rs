//! Keeps a sink at work for each connection, from when it is made to when it is removed.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::address;
use super::greeting::Greeting;
use crate::clock::Clock;
use crate::config::{self, CardSink, Globs, SinkKind, SinkStart, WebhookUrl, is_loopback};
use crate::deliver::{Desk, Outlet};
use crate::model::{Connection, Name};
use crate::seal::Sealer;
use crate::secret::Secret;
use crate::sinks;
use crate::store::{Store, StoreError};
use crate::tasks::{self, Outage, STORE_RETRY, Signal};

/// How long a request with a card may take.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(15);

/// The sinks of all connections.
pub struct Joined {
    /// Connections.
    pub store: Arc<dyn Store>,
    /// Opens their addresses.
    pub sealer: Arc<Sealer>,
    /// Where sinks are asked about.
    pub desk: Arc<Desk>,
    /// The time.
    pub clock: Clock,
    /// `[connector]`
    pub settings: config::Connector,
    /// Raised when a connection was made or removed.
    pub wake: Signal,
}

/// Those that are at work, with what stops each, and their tasks; if this is dropped, so are they.
#[derive(Default)]
struct Staff {
    at_work: BTreeMap<Name, CancellationToken>,
    tasks: JoinSet<()>,
}

impl Joined {
    /// Keeps at it until `stop`, and then until all have ended.
    pub async fn run(self, stop: CancellationToken) {
        let (mut staff, outage) = (Staff::default(), Outage::default());
        while !stop.is_cancelled() {
            let again = match self.reconcile(&mut staff, &stop).await {
                Ok(()) => {
                    outage.ends();
                    None
                }
                Err(error) => {
                    if outage.begins() {
                        tracing::warn!(%error, "Cannot read which groups are connected; trying again until the store works");
                    }
                    Some(self.clock.now() + STORE_RETRY)
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.wake.raised() => {}
                () = self.clock.sleep_until(tasks::pause(&self.clock, again)) => {}
            }
        }
        while staff.tasks.join_next().await.is_some() {}
    }

    /// Begins what is new and ends what is gone.
    async fn reconcile(&self, staff: &mut Staff, stop: &CancellationToken) -> Result<(), StoreError> {
        let connections = self.store.connections().await?;
        staff.at_work.retain(|name, working| {
            let stays = connections.iter().any(|connection| connection.name == *name);
            if !stays {
                working.cancel();
                self.desk.let_go(name);
            }
            stays
        });
        for connection in &connections {
            if !staff.at_work.contains_key(&connection.name) {
                self.begin(connection, staff, stop);
            }
        }
        while staff.tasks.try_join_next().is_some() {}
        Ok(())
    }

    fn begin(&self, connection: &Connection, staff: &mut Staff, stop: &CancellationToken) {
        let name = connection.name.clone();
        match self.outlet(connection) {
            Ok(outlet) => {
                let stop = stop.child_token();
                staff.tasks.spawn(self.work(connection, outlet, stop.clone()));
                staff.at_work.insert(name, stop);
            }
            Err(error) => {
                let why = format!("{error:#}");
                if self.desk.set_aside(&name, why.clone()) {
                    tracing::error!(sink = %name, why, "A connected group cannot be told of anything");
                }
            }
        }
    }

    /// Delivers to a group, and greets it meanwhile if it was not greeted yet.
    fn work(
        &self,
        connection: &Connection,
        outlet: Outlet,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + use<> {
        let delivering = self.desk.take_on(outlet).run(stop.clone());
        let greeting = Greeting::of(connection, &self.settings.service_name);
        let (desk, store, clock) = (self.desk.clone(), self.store.clone(), self.clock.clone());
        let greeting = async move {
            if let Some(greeting) = greeting {
                let _ = stop.run_until_cancelled(greeting.post(&desk, &store, &clock)).await;
            }
        };
        async move {
            tokio::join!(delivering, greeting);
        }
    }

    fn outlet(&self, connection: &Connection) -> anyhow::Result<Outlet> {
        let (address, url) = address::open(&self.sealer, connection, &self.settings)?;
        // A stand-in on this machine was just found to be one that the configuration names.
        let configured = configured(connection, &address, is_loopback(&url)).map_err(anyhow::Error::msg)?;
        let sink = sinks::build(&configured, &self.clock, || Box::new(std::io::sink()))?;
        Ok(Outlet { configured, sink })
    }
}

/// The sink as a configuration would have it.
fn configured(connection: &Connection, url: &Secret, here: bool) -> Result<config::Sink, String> {
    let url = WebhookUrl::read(url, here)?;
    let picks = &connection.picks;
    let subscriptions = picks.subscriptions.iter().map(|name| globset::escape(name.as_str()));
    let types = picks.changes.iter().map(|change| format!("o365.*.{change}"));
    Ok(config::Sink {
        name: connection.name.clone(),
        kind: SinkKind::Connector(CardSink { url, card: None, timeout: TIMEOUT, allow_private: here }),
        subscriptions: Globs::several(subscriptions)?,
        types: Globs::several(types)?,
        filter: None,
        ignore_actors: Vec::new(),
        ignore_own: false,
        start: SinkStart::Now,
    })
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::model::{Change, Picks};

    #[test]
    fn a_connection_becomes_a_sink_that_wants_what_was_picked_and_hides_its_address() {
        let connection = Connection {
            name: "connect-hr-1".parse().unwrap(),
            group: Some("HR".to_owned()),
            picks: Picks {
                subscriptions: vec!["candidates".parse().unwrap()],
                changes: vec![Change::Created, Change::Deleted],
            },
            sealed_url: Vec::new(),
            made_at: DateTime::UNIX_EPOCH,
            greeted: false,
        };
        let url = Secret::new("https://outlook.office.com/webhook/hunter2");
        let sink = configured(&connection, &url, false).unwrap();
        assert!(sink.subscriptions.want("candidates") && !sink.subscriptions.want("candidates-2"));
        assert!(sink.types.want("o365.listItem.created") && !sink.types.want("o365.listItem.updated"));
        assert!(!format!("{sink:?}").contains("hunter2"));
    }
}
