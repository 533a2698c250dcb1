/// `[renewal]`: when remote subscriptions are renewed.
#[derive(Debug, Clone, Copy)]
pub struct Renewal {
    /// The share of the lifetime after which it is renewed, with jitter. Default 0.67.
    pub at: f64,
}
