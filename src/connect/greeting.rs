//! The first card of a connection: it shows whoever pressed the button that it works.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::Clock;
use crate::deliver::{Desk, Greeted};
use crate::model::{Connection, Name};
use crate::store::Store;
use crate::tasks::{self, STORE_RETRY};

/// For how long it is tried, in minutes; after that, it would not be the first.
const TRIED_FOR: i64 = 60;
/// Until it is tried again; the next pauses are longer.
const FIRST_PAUSE: TimeDelta = TimeDelta::minutes(1);
/// Names that it lists; more would be read by nobody.
const LISTED: usize = 10;

/// A first card that was not taken yet.
pub(super) struct Greeting {
    name: Name,
    title: String,
    text: String,
    until: DateTime<Utc>,
}

impl Greeting {
    /// What there is to say; `None`: it was said.
    pub fn of(connection: &Connection, service: &str) -> Option<Self> {
        let (title, text) = words(connection, service);
        let until = connection.made_at + TimeDelta::minutes(TRIED_FOR);
        (!connection.greeted).then(|| Self { name: connection.name.clone(), title, text, until })
    }

    /// Posts it, again if it has to be, and keeps in mind that this is done. A group that takes none for an hour has none.
    pub async fn post(self, desk: &Desk, store: &Arc<dyn Store>, clock: &Clock) {
        let mut refused: i32 = 0;
        loop {
            let again = match desk.greet(&self.name, &self.title, &self.text).await {
                None => return,
                Some(Greeted::Taken) => break,
                Some(Greeted::Gone(why)) => {
                    tracing::warn!(sink = %self.name, why, "A connected group takes no cards any more");
                    break;
                }
                Some(Greeted::Refused) => {
                    refused += 1;
                    if refused == 1 {
                        tracing::warn!(sink = %self.name, "A connected group did not take its first card; trying again for an hour");
                    }
                    // Each counts against what the group may get.
                    clock.now() + FIRST_PAUSE * refused
                }
                Some(Greeted::NotYet(until)) => tasks::pause(clock, Some(until)),
            };
            if clock.now() > self.until {
                tracing::warn!(sink = %self.name, "A connected group is left without a first card");
                break;
            }
            clock.sleep_until(again).await;
        }
        while let Err(error) = store.greeted(&self.name).await {
            tracing::warn!(sink = %self.name, %error, "Cannot keep that the first card was posted");
            clock.sleep_until(clock.now() + STORE_RETRY).await;
        }
    }
}

fn words(connection: &Connection, service: &str) -> (String, String) {
    let picked = &connection.picks.subscriptions;
    let names: Vec<&str> = picked.iter().take(LISTED).map(Name::as_str).collect();
    let more = picked.len().saturating_sub(LISTED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let changes: Vec<&str> = connection.picks.changes.iter().map(|change| change.as_str()).collect();
    let who = if connection.group.is_some() { "This group" } else { "This inbox" };
    let text = format!(
        "{who} now hears of what is {} in {}{more}.",
        changes.join(", ").replacen(", ", " or ", usize::from(changes.len() == 2)),
        names.join(", ")
    );
    (format!("Connected to {service}"), text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Change, Picks};

    #[test]
    fn it_says_what_the_group_hears_of_and_once() {
        let mut connection = Connection {
            name: "connect-hr-1".parse().unwrap(),
            group: Some("HR".to_owned()),
            picks: Picks {
                subscriptions: vec!["candidates".parse().unwrap()],
                changes: vec![Change::Created, Change::Deleted],
            },
            sealed_url: Vec::new(),
            made_at: DateTime::UNIX_EPOCH,
            greeted: false,
        };
        let greeting = Greeting::of(&connection, "Contoso changes").unwrap();
        assert_eq!(greeting.title, "Connected to Contoso changes");
        assert_eq!(greeting.text, "This group now hears of what is created or deleted in candidates.");
        connection.picks.subscriptions =
            (0..200).map(|number| format!("n-{number}").parse().unwrap()).collect();
        let text = Greeting::of(&connection, "Contoso changes").unwrap().text;
        assert!(
            text.ends_with("in n-0, n-1, n-2, n-3, n-4, n-5, n-6, n-7, n-8, n-9 and 190 more."),
            "{text}"
        );
        connection.greeted = true;
        assert!(Greeting::of(&connection, "Contoso changes").is_none());
    }
}
