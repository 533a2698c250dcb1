//! The sinks of the configuration.

use std::io::Write;
use std::sync::Arc;

use anyhow::Context as _;

use super::House;
use crate::config::Config;
use crate::deliver::{self, Deliverer, Desk, Outlet};
use crate::sinks;

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
        let known = config.sinks.iter().map(|sink| (sink.name.clone(), sink.start)).collect();
        self.store.enrol(known, self.clock.now()).await.context("cannot take in the sinks")?;
        let own = config.tenants.iter().map(|tenant| (tenant.name.clone(), tenant.client_id.clone()));
        let own = Arc::new(own.collect());
        let (deliverers, desk) = deliver::open(outlets, &own, &self.store, &self.clock, &self.metrics);
        Ok((deliverers, Arc::new(desk)))
    }
}
