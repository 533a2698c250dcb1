//! `[[sink]]`: where events are pushed to.

mod card;
mod file;
mod filter;
mod globs;
mod internal;
mod signing;
mod webhook;
mod written;

use std::collections::HashSet;

pub use card::CardSink;
pub use file::{FileSink, Rotation};
pub use filter::{Filter, Said};
pub use globs::{Glob, Globs};
pub use internal::is_internal;
pub use signing::SigningSecret;
pub use webhook::{Mode, Webhook, WebhookUrl};
pub(super) use written::Written;

use super::environment::Environment;
use super::path::Fault;
use crate::model::{Cursor, InvalidCursor, Name};

/// A destination that events are pushed to.
#[derive(Debug, Clone)]
pub struct Sink {
    /// Its name.
    pub name: Name,
    /// What it is.
    pub kind: SinkKind,
    /// Of which subscriptions it wants events, by name; none means all.
    pub subscriptions: Globs,
    /// Of which types it wants events; none means all.
    pub types: Globs,
    /// What an event has to be like beside that.
    pub filter: Option<Filter>,
    /// Ids and names of those whose changes it does not want.
    pub ignore_actors: Vec<String>,
    /// Whether it does not want changes that were made with the tenant's own app registration.
    pub ignore_own: bool,
    /// Where one that was not known before begins. Default `now`.
    pub start: SinkStart,
}

/// The kinds of sink.
#[derive(Debug, Clone)]
pub enum SinkKind {
    /// A web address.
    Webhook(Box<Webhook>),
    /// A file of JSON lines.
    File(FileSink),
    /// Standard output, a JSON line for each event.
    Stdout,
    /// Adaptive Cards, through a Workflows webhook of Teams.
    Teams(CardSink),
    /// `MessageCard`s, to an incoming webhook as Office 365 connectors had them.
    Connector(CardSink),
}

impl SinkKind {
    /// As `type` says it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::File(_) => "file",
            Self::Stdout => "stdout",
            Self::Teams(_) => "teams",
            Self::Connector(_) => "connector",
        }
    }
}

/// Where a new sink begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SinkStart {
    /// At the log's end.
    #[default]
    Now,
    /// With the oldest event that is kept.
    Beginning,
    /// After this event.
    After(Cursor),
}

impl SinkStart {
    /// The event that it is to begin after, where the log does not have that yet.
    pub fn beyond(self, latest: Cursor) -> Option<Cursor> {
        match self {
            Self::After(cursor) if cursor > latest => Some(cursor),
            _ => None,
        }
    }
}

impl TryFrom<String> for SinkStart {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "now" => Ok(Self::Now),
            "beginning" => Ok(Self::Beginning),
            cursor => cursor.parse().map(Self::After).map_err(|_: InvalidCursor| {
                format!("'{cursor}' is not a start: use now, beginning, or the `sequence` of an event")
            }),
        }
    }
}

/// Takes the entries, each with its own name.
pub(super) fn settle(written: Vec<Written>, environment: &Environment) -> Result<Vec<Sink>, Fault> {
    let (mut names, mut files, mut pipes) = (HashSet::new(), HashSet::new(), 0);
    let mut sinks = Vec::with_capacity(written.len());
    for (index, entry) in written.into_iter().enumerate() {
        let sink = entry.settle(environment).map_err(|(key, message)| {
            // The way to the key from the top of the file.
            Fault::at(("sink", index, key), message)
        })?;
        if !names.insert(sink.name.clone()) {
            let message = format!("'{}' is the name of another sink: give this one its own", sink.name);
            return Err(Fault::at(("sink", index, "name"), message));
        }
        if let SinkKind::File(file) = &sink.kind
            && !files.insert(std::path::absolute(&file.path).unwrap_or_else(|_| file.path.clone()))
        {
            let message = "another sink writes to this file already: give each its own";
            return Err(Fault::at(("sink", index, "path"), message));
        }
        pipes += usize::from(matches!(sink.kind, SinkKind::Stdout));
        if pipes > 1 {
            let message = "another sink writes to standard output already: two would mix their lines";
            return Err(Fault::at(("sink", index, "type"), message));
        }
        sinks.push(sink);
    }
    Ok(sinks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_event_that_is_still_to_come_lies_beyond_the_end() {
        let beyond = |start: SinkStart| start.beyond(Cursor::at(42));
        assert_eq!(beyond(SinkStart::After(Cursor::at(43))), Some(Cursor::at(43)));
        assert_eq!(beyond(SinkStart::After(Cursor::at(42))), None);
        assert_eq!([beyond(SinkStart::Now), beyond(SinkStart::Beginning)], [None, None]);
    }
}
