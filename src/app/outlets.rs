//! The sinks: those of the configuration, and those that groups were connected by.

use std::io::Write;
use std::sync::Arc;

use anyhow::Context as _;

use super::House;
use crate::config::{Config, NO_ENCRYPTION_KEY, Sink, SinkStart};
use crate::connect::{self, Connect, Joined, Rush};
use crate::deliver::{Deliverer, Desk, Outlet};
use crate::sinks;

/// Why connected groups are told nothing.
const NO_SECTION: &str = "the configuration has no section [connector]";

impl House {
    /// Makes the sinks, and has the ledger know them; from then on, nothing that is written is missed.
    pub(super) async fn outlets(&self, config: &Config) -> anyhow::Result<(Vec<Deliverer>, Arc<Desk>)> {
        let mut outlets = Vec::with_capacity(config.sinks.len());
        for configured in &config.sinks {
            let pipe = || -> Box<dyn Write + Send> { Box::new(std::io::stdout()) };
            let sink = sinks::build(configured, &self.clock, pipe)
                .with_context(|| format!("cannot use the sink '{}'", configured.name))?;
            if let Some(caution) = sink.caution() {
                tracing::warn!(sink = %configured.name, "{caution}");
            }
            outlets.push(Outlet { configured: configured.clone(), sink });
        }
        let mut known: Vec<_> = config.sinks.iter().map(|sink| (sink.name.clone(), sink.start)).collect();
        let connections = self.store.connections().await.context("cannot read which groups are connected")?;
        if let Some(sealer) = &self.sealer {
            connect::reseal(&*self.store, sealer, &connections)
                .await
                .context("cannot keep groups' addresses")?;
        }
        self.tell_of_late_starts(config).await?;
        known.extend(connections.iter().map(|connection| (connection.name.clone(), SinkStart::Now)));
        self.store.enrol(known, self.clock.now()).await.context("cannot take in the sinks")?;
        let own = config.tenants.iter().map(|tenant| (tenant.name.clone(), tenant.client_id.clone()));
        let desk =
            Desk::new(self.store.clone(), self.clock.clone(), self.metrics.clone(), Arc::new(own.collect()));
        if config.connector.is_none() && !connections.is_empty() {
            // They rest, and nothing of theirs is lost.
            tracing::warn!(groups = connections.len(), "Connected groups are told nothing: {NO_SECTION}");
            for connection in &connections {
                desk.set_aside(&connection.name, NO_SECTION.to_owned());
            }
        }
        let deliverers = outlets.into_iter().map(|outlet| desk.take_on(outlet)).collect();
        Ok((deliverers, Arc::new(desk)))
    }

    /// A new sink whose start the log has not reached begins where the log ends, and not there: it would miss what comes.
    async fn tell_of_late_starts(&self, config: &Config) -> anyhow::Result<()> {
        let standings = self.store.sinks().await.context("cannot read how sinks stand")?;
        let latest = self.store.bounds().await.context("cannot read where the log ends")?.latest;
        let known = |sink: &&Sink| {
            standings.iter().any(|standing| standing.name == sink.name && standing.removed_at.is_none())
        };
        for sink in config.sinks.iter().filter(|sink| !known(sink)) {
            if let Some(start) = sink.start.beyond(latest) {
                tracing::warn!(
                    sink = %sink.name, start = start.number(), end = latest.number(),
                    "The sink's start lies beyond the log's end, so it begins there, as with start = \"now\""
                );
            }
        }
        Ok(())
    }

    /// The pages of the Connect button and the sinks that come of them, if the configuration has the button.
    pub(super) fn connect(
        &self,
        config: &Config,
        desk: &Arc<Desk>,
    ) -> anyhow::Result<Option<(Connect, Joined)>> {
        let Some(settings) = config.connector.clone() else { return Ok(None) };
        let sealer = self.sealer.clone().context(NO_ENCRYPTION_KEY)?;
        let joined = Joined {
            store: self.store.clone(),
            sealer: sealer.clone(),
            desk: desk.clone(),
            clock: self.clock.clone(),
            settings: settings.clone(),
            wake: self.joined.clone(),
        };
        let connect = Connect {
            settings,
            public_url: config.public_url.clone(),
            clock: self.clock.clone(),
            store: self.store.clone(),
            sealer,
            bindings: self.bindings.clone(),
            joined: self.joined.clone(),
            rush: Rush::default(),
            answers: Rush::default(),
        };
        Ok(Some((connect, joined)))
    }
}
