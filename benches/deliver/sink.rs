//! The deliverer on a real store, as the listener runs it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use o365_listener::clock::Clock;
use o365_listener::config::{self, SinkStart};
use o365_listener::deliver::{Desk, Outlet, OwnApps};
use o365_listener::metrics::Metrics;
use o365_listener::model::{Cursor, Name};
use o365_listener::sinks;
use o365_listener::store::Store;
use tokio_util::sync::CancellationToken;

pub struct Sink {
    store: Arc<dyn Store>,
    configured: config::Sink,
}

impl Sink {
    pub async fn new(store: Arc<dyn Store>, folder: &Path, to: SocketAddr) -> Self {
        let file = folder.join("config.toml");
        let text = format!(
            "public_url = \"http://127.0.0.1:1\"\n[[sink]]\nname = \"orders\"\ntype = \"webhook\"\n\
             url = \"http://{to}/hook\"\nallow_private = true\nstart = \"beginning\"\n\
             secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n"
        );
        std::fs::write(&file, text).unwrap();
        let configured = config::load(&file, []).unwrap().sinks.remove(0);
        store
            .enrol(vec![(configured.name.clone(), SinkStart::Beginning)], Clock::system().now())
            .await
            .unwrap();
        Self { store, configured }
    }

    /// Delivers the whole log, until the position is at its end.
    pub async fn deliver(&self) {
        let (clock, name) = (Clock::system(), &self.configured.name);
        self.store.replay(name, Cursor::START).await.unwrap();
        let desk =
            Desk::new(self.store.clone(), clock.clone(), Arc::new(Metrics::default()), OwnApps::default());
        let sink = sinks::build(&self.configured, &clock, || Box::new(std::io::sink())).unwrap();
        let deliverer = desk.take_on(Outlet { configured: self.configured.clone(), sink });
        let stop = CancellationToken::new();
        let running = tokio::spawn(deliverer.run(stop.clone()));
        while self.lag(name).await > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        stop.cancel();
        running.await.unwrap();
    }

    async fn lag(&self, name: &Name) -> u64 {
        let standings = self.store.sinks().await.unwrap();
        let standing = standings.into_iter().find(|standing| standing.name == *name).unwrap();
        assert_eq!((standing.pending, standing.dead, standing.lost), (0, 0, 0), "nothing failed");
        standing.lag()
    }
}
