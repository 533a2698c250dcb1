use std::time::Duration;

/// `[store]`: where everything is kept.
#[derive(Debug, Clone)]
pub struct Store {
    /// `sqlite:PATH`. Default `sqlite:o365-listener.db`.
    pub url: String,
    /// How long events are kept. Default 30 days.
    pub retention: Duration,
}
