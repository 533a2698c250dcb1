use std::path::PathBuf;
use std::time::Duration;

use super::WebhookUrl;

/// A channel that is told by cards.
#[derive(Debug, Clone)]
pub struct CardSink {
    /// Where they are posted to. Whoever knows it may post.
    pub url: WebhookUrl,
    /// The template that makes them; none: the built-in one.
    pub card: Option<PathBuf>,
    /// How long a request may take, from the connection to the answer. Default 15 s.
    pub timeout: Duration,
    /// Whether it may be inside, and without TLS.
    pub allow_private: bool,
}
