//! What the two kinds of address have each for itself.

use serde_json::Value;

use crate::sinks::Rate;

/// A service that takes cards.
pub(in crate::sinks) struct Service {
    /// Its `type` in the configuration.
    pub name: &'static str,
    /// The built-in template.
    pub template: &'static str,
    /// The largest card that is sent, in bytes. Both services state 28 KB; refusals were seen from 21 KB on.
    pub largest: usize,
    /// How often an address may be written to.
    pub rates: &'static [Rate],
    /// What an answer means, by its status and text.
    pub judge: fn(u16, &str) -> Meaning,
    /// Whether a document is a card; else what it lacks.
    pub complete: fn(&Value) -> Result<(), &'static str>,
    /// What whoever uses it should know from the start.
    pub caution: Option<&'static str>,
}

/// The largest card that is sent, in bytes.
pub(super) const LARGEST: usize = 20_000;

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sinks) enum Meaning {
    /// It was taken.
    Taken,
    /// Too many came.
    Throttled,
    /// It was too large.
    TooLarge,
    /// It was not taken, and this is why.
    Refused(&'static str),
    /// Nothing will be taken there any more, and this is why.
    Gone(&'static str),
    /// It says nothing of the card.
    Unwell,
}
