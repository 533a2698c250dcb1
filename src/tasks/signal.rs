use std::sync::Arc;

use tokio::sync::Notify;

/// A wake-up for one waiter. One given while nobody waits is kept, and any number of them are one.
#[derive(Debug, Clone, Default)]
pub struct Signal(Arc<Notify>);

impl Signal {
    /// Wakes the waiter, or the next to wait.
    pub fn raise(&self) {
        self.0.notify_one();
    }

    /// Waits for a wake-up.
    pub async fn raised(&self) {
        self.0.notified().await;
    }
}
