//! Where notifications go, and which service sends them there: each has its own patience.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// How long Graph gives an endpoint for a first attempt, and how long for a retry.
const FIRST_LIMIT: Duration = Duration::from_secs(3);
const RETRY_LIMIT: Duration = Duration::from_secs(10);
/// How long Graph retries a notification before it is given up.
const GIVE_UP_AFTER: TimeDelta = TimeDelta::hours(4);
/// First pause between Graph's attempts; it doubles (10 s, 20 s, 40 s, …) up to [`LONGEST_PAUSE`]. The real sequence is not
/// published, only that it is exponential.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(30 * 60);

/// How long SharePoint gives an endpoint, how long it pauses, and how often it tries in all. Whether the first attempt
/// is one of the five is not published.
const SITE_LIMIT: Duration = Duration::from_secs(5);
const SITE_PAUSE: Duration = Duration::from_secs(5 * 60);
const SITE_ATTEMPTS: u32 = 5;

/// An address, and who calls it. What goes to one in one POST has all of it in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Endpoint {
    pub(crate) url: String,
    pub(crate) caller: Caller,
}

/// The service that sends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Caller {
    Graph,
    /// It says the client state in a header as well.
    SharePoint {
        client_state: Option<String>,
    },
}

impl Endpoint {
    pub(crate) fn of_graph(url: &str) -> Self {
        Self { url: url.to_owned(), caller: Caller::Graph }
    }

    pub(crate) fn of_sharepoint(url: &str, client_state: Option<String>) -> Self {
        Self { url: url.to_owned(), caller: Caller::SharePoint { client_state } }
    }

    /// The service's name.
    pub(super) fn service(&self) -> &'static str {
        match self.caller {
            Caller::Graph => "Graph",
            Caller::SharePoint { .. } => "SharePoint",
        }
    }

    /// How long the endpoint may take over an attempt; the first one is 0.
    pub(super) fn limit(&self, attempt: u32) -> Duration {
        match self.caller {
            Caller::Graph if attempt == 0 => FIRST_LIMIT,
            Caller::Graph => RETRY_LIMIT,
            Caller::SharePoint { .. } => SITE_LIMIT,
        }
    }

    /// The wait after an attempt that failed.
    pub(super) fn pause(&self, attempt: u32) -> Duration {
        match self.caller {
            Caller::Graph => FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(attempt)).min(LONGEST_PAUSE),
            Caller::SharePoint { .. } => SITE_PAUSE,
        }
    }

    /// Whether an attempt that failed was the last.
    pub(super) fn gives_up(&self, attempt: u32, since: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        match self.caller {
            Caller::Graph => now - since >= GIVE_UP_AFTER,
            Caller::SharePoint { .. } => attempt + 1 >= SITE_ATTEMPTS,
        }
    }
}
