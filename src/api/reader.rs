//! A place in the event log and what is wanted from there on: what pulling and streaming share.

use std::fmt;
use std::future::pending;
use std::sync::Arc;

use actix_web::http::StatusCode;
use serde::Deserialize;
use tokio::sync::watch;

use super::problem::Problem;
use crate::config::Glob;
use crate::model::{Cursor, Event, InvalidCursor};
use crate::store::{EventFilter, Log, LogBounds, ReadError};

/// `after`: where to begin.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(super) enum After {
    /// After this event.
    Event(Cursor),
    /// After all that is there now.
    Latest,
}

impl TryFrom<String> for After {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "latest" {
            return Ok(Self::Latest);
        }
        text.parse().map(Self::Event).map_err(|error: InvalidCursor| format!("{error}, or `latest`"))
    }
}

/// Which events are wanted.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// Of which subscriptions; none means all.
    pub subscription: Option<Glob>,
    /// Of which types; none means all.
    pub event_type: Option<Glob>,
}

impl Wanted {
    /// Whether an event of this subscription and type is.
    pub fn fits(&self, subscription: &str, event_type: &str) -> bool {
        let fits = |glob: &Option<Glob>, text| glob.as_ref().is_none_or(|glob| glob.is_match(text));
        fits(&self.subscription, subscription) && fits(&self.event_type, event_type)
    }
}

impl EventFilter for Arc<Wanted> {
    fn wants(&self, subscription: &str, event_type: &str) -> bool {
        self.fits(subscription, event_type)
    }
}

/// Reads on through the log.
pub(super) struct Reader {
    log: Arc<dyn Log>,
    wanted: Arc<Wanted>,
    end: watch::Receiver<Cursor>,
    position: Cursor,
    /// Nothing was read yet, and it begins wherever the log does.
    has_no_place: bool,
    at_end: bool,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("position", &self.position).finish_non_exhaustive()
    }
}

impl Reader {
    /// Begins after `after`, or with the oldest event that is kept. An error if the log does not go as far: whoever waited there
    /// would miss everything up to it.
    pub async fn begin(log: Arc<dyn Log>, after: Option<After>, wanted: Wanted) -> Result<Self, Problem> {
        let has_no_place = after.is_none();
        let LogBounds { oldest, latest } = log.bounds().await?;
        let position = match after {
            Some(After::Event(after)) if after > latest => return Err(ahead(after, latest)),
            Some(After::Event(cursor)) => cursor,
            Some(After::Latest) => latest,
            None => oldest,
        };
        let end = log.end();
        Ok(Self { log, wanted: Arc::new(wanted), end, position, has_no_place, at_end: false })
    }

    /// Reads on; finds nothing where nothing is wanted in the part that was looked at.
    pub async fn read(&mut self, limit: usize) -> Result<Vec<Event>, ReadError> {
        // Before reading, so that what is written meanwhile is not missed.
        self.end.borrow_and_update();
        let page = loop {
            match self.log.read(self.position, limit, Box::new(Arc::clone(&self.wanted))).await {
                // The retention deleted what was the oldest when that was looked up.
                Err(ReadError::Expired { oldest, .. }) if self.has_no_place => self.position = oldest,
                read => break read?,
            }
        };
        self.has_no_place = false;
        self.position = page.next;
        self.at_end = page.at_end;
        Ok(page.events)
    }

    /// Waits until there is more to read: at the log's end until something is written, before it not at all.
    pub async fn more(&mut self) {
        if self.at_end && self.end.changed().await.is_err() {
            // The store is closing; whoever waits has a limit of its own.
            pending::<()>().await;
        }
    }

    /// The last event looked at, wanted or not.
    pub fn position(&self) -> Cursor {
        self.position
    }

    /// Goes on after this event, which was looked at elsewhere, or is to be the last one that was.
    pub fn go_to(&mut self, position: Cursor) {
        self.position = position;
    }

    /// What is wanted.
    pub fn wanted(&self) -> &Wanted {
        &self.wanted
    }
}

fn ahead(after: Cursor, latest: Cursor) -> Problem {
    let detail = format!(
        "there is no event {after} yet, the last one is {latest}: the cursor is of another store, or of this one before it \
         was restored; go on with after=latest, or from the oldest that is kept with neither after nor Last-Event-ID"
    );
    Problem::new(StatusCode::BAD_REQUEST, detail).with("latest", latest.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(subscription: &str, event_type: &str) -> Arc<Wanted> {
        let glob = |text: &str| Glob::try_from(text.to_owned()).ok();
        Arc::new(Wanted { subscription: glob(subscription), event_type: glob(event_type) })
    }

    #[test]
    fn globs_choose_by_subscription_and_type() {
        let all = Arc::new(Wanted { subscription: None, event_type: None });
        for (wanted, expected) in [
            (all, true),
            (wanted("hr-*", "*"), true),
            (wanted("hr-candidates", "o365.listItem.*"), true),
            (wanted("*", "*.updated"), true),
            (wanted("{hr,it}-*", "o365.{listItem,message}.*"), true),
            (wanted("hr", "*"), false),
            (wanted("*", "o365.message.*"), false),
            (wanted("hr-*", "*.deleted"), false),
        ] {
            assert_eq!(wanted.wants("hr-candidates", "o365.listItem.updated"), expected, "{wanted:?}");
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        assert!(After::try_from("newest".to_owned()).is_err());
    }
}
