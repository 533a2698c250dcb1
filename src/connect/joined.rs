//! Keeps a sink at work for each connection, from when it is made to when it is removed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Context as _;
use chrono::TimeDelta;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{self, CardSink, Globs, SinkKind, SinkStart, WebhookUrl, is_loopback};
use crate::deliver::{Desk, Outlet};
use crate::model::{Connection, Name};
use crate::seal::{Place, Sealer};
use crate::secret::Secret;
use crate::sinks::{self, Sink};
use crate::store::{Store, StoreError};
use crate::tasks::{self, Outage, STORE_RETRY, Signal};

/// How long a request with a card may take.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(15);
/// For how long the first card is tried, in minutes; after that, it would not be the first.
const GREET_FOR: i64 = 60;

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
    /// What the service calls itself.
    pub service_name: String,
    /// Raised when a connection was made or removed.
    pub wake: Signal,
}

/// The sink of a connection, at work.
struct AtWork {
    sink: Arc<dyn Sink>,
    stop: CancellationToken,
}

/// Those that are at work, and their tasks; if this is dropped, so are they.
#[derive(Default)]
struct Staff {
    at_work: BTreeMap<Name, AtWork>,
    /// Those that cannot be used; said once.
    unusable: BTreeSet<Name>,
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

    /// Begins what is new and ends what is gone; then greets whoever was not greeted yet.
    async fn reconcile(&self, staff: &mut Staff, stop: &CancellationToken) -> Result<(), StoreError> {
        let connections = self.store.connections().await?;
        staff.at_work.retain(|name, worker| {
            let stays = connections.iter().any(|connection| connection.name == *name);
            if !stays {
                worker.stop.cancel();
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
        for connection in connections.iter().filter(|connection| !connection.greeted) {
            if let Some(worker) = staff.at_work.get(&connection.name) {
                self.greet(connection, &*worker.sink).await?;
            }
        }
        Ok(())
    }

    fn begin(&self, connection: &Connection, staff: &mut Staff, stop: &CancellationToken) {
        let name = connection.name.clone();
        match self.outlet(connection) {
            Ok(outlet) => {
                let (sink, stop) = (outlet.sink.clone(), stop.child_token());
                staff.tasks.spawn(self.desk.take_on(outlet).run(stop.clone()));
                staff.at_work.insert(name, AtWork { sink, stop });
            }
            Err(error) => {
                if staff.unusable.insert(name.clone()) {
                    tracing::error!(
                        sink = %name, error = format!("{error:#}"),
                        "A connected group cannot be told of anything; mend it, or remove the sink and connect the group anew"
                    );
                }
            }
        }
    }

    fn outlet(&self, connection: &Connection) -> anyhow::Result<Outlet> {
        let place = Place::connection(connection.name.as_str());
        let opened = self.sealer.open(place, &connection.sealed_url).context("its address")?;
        let text = std::str::from_utf8(&opened).context("its address is no text")?;
        let configured = configured(connection, &Secret::new(text)).map_err(anyhow::Error::msg)?;
        let sink = sinks::build(&configured, &self.clock, || Box::new(std::io::sink()))?;
        Ok(Outlet { configured, sink })
    }

    /// Posts the first card, once if it is taken; a group that takes none for an hour has none.
    async fn greet(&self, connection: &Connection, sink: &dyn Sink) -> Result<(), StoreError> {
        let (title, text) = greeting(connection, &self.service_name);
        let taken = sink.greet(&title, &text).await;
        let late = self.clock.now() > connection.made_at + TimeDelta::minutes(GREET_FOR);
        if !taken {
            tracing::warn!(sink = %connection.name, late, "A connected group did not take its first card");
        }
        if taken || late { self.store.greeted(&connection.name).await } else { Ok(()) }
    }
}

/// The sink as a configuration would have it.
fn configured(connection: &Connection, url: &Secret) -> Result<config::Sink, String> {
    // A stand-in on this machine is taken only where the configuration names it, which is looked at when it comes.
    let here = url::Url::parse(url.expose()).is_ok_and(|url| is_loopback(&url));
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

/// The words of the first card.
fn greeting(connection: &Connection, service: &str) -> (String, String) {
    let names: Vec<&str> = connection.picks.subscriptions.iter().map(Name::as_str).collect();
    let changes: Vec<&str> = connection.picks.changes.iter().map(|change| change.as_str()).collect();
    let who = if connection.group.is_some() { "This group" } else { "This inbox" };
    let text = format!(
        "{who} now hears of what is {} in {}.",
        changes.join(", ").replacen(", ", " or ", usize::from(changes.len() == 2)),
        names.join(", ")
    );
    (format!("Connected to {service}"), text)
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
        let sink = configured(&connection, &url).unwrap();
        assert!(sink.subscriptions.want("candidates") && !sink.subscriptions.want("candidates-2"));
        assert!(sink.types.want("o365.listItem.created") && !sink.types.want("o365.listItem.updated"));
        assert!(!format!("{sink:?}").contains("hunter2"));
        assert_eq!(
            greeting(&connection, "Contoso changes"),
            (
                "Connected to Contoso changes".to_owned(),
                "This group now hears of what is created or deleted in candidates.".to_owned()
            )
        );
    }
}
