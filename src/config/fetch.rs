use std::time::Duration;

/// `[fetch]`: how changes are fetched.
#[derive(Debug, Clone)]
pub struct Fetch {
    /// Fetches at once. Default 16.
    pub concurrency: usize,
    /// How often to look without having been told; `None` turns sweeps off. Default 6 h: Microsoft's worst delay
    /// of a drive's notification.
    pub sweep_every: Option<Duration>,
}
