//! Something that takes cards, and how many it has taken lately.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};

/// What kind of address it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An incoming webhook of a connector.
    Connector,
    /// A Workflows webhook.
    Flow,
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Connector => "connector",
            Self::Flow => "flow",
        }
    }

    /// So many requests in so many seconds: what Microsoft publishes for a connector, and says of a flow.
    const fn rates(self) -> &'static [(usize, i64)] {
        match self {
            Self::Connector => &[(4, 1), (60, 30), (100, 3_600), (150, 7_200), (1_800, 86_400)],
            Self::Flow => &[(4, 1)],
        }
    }
}

/// A channel that cards are posted to.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) kind: Kind,
    /// The group of a connector, the name of a flow.
    pub(crate) name: String,
    pub(crate) url: String,
    /// Not: the connector was removed, the flow turned off.
    pub(crate) open: bool,
    /// When cards came, within the longest of the rates.
    taken: VecDeque<DateTime<Utc>>,
}

impl Channel {
    pub(super) fn new(kind: Kind, name: &str, url: &str) -> Self {
        Self { kind, name: name.to_owned(), url: url.to_owned(), open: true, taken: VecDeque::new() }
    }

    /// Whether its address has this path.
    pub(super) fn is_at(&self, kind: Kind, path: &str) -> bool {
        let own = url::Url::parse(&self.url).is_ok_and(|url| url.path().eq_ignore_ascii_case(path));
        self.kind == kind && own
    }

    /// The signature in its address.
    pub(super) fn signature(&self) -> Option<String> {
        let url = url::Url::parse(&self.url).ok()?;
        url.query_pairs().find(|(name, _)| name == "sig").map(|(_, value)| value.into_owned())
    }

    /// Takes one more, unless that would be too many.
    pub(super) fn takes_one_more(&mut self, now: DateTime<Utc>) -> bool {
        let longest = self.kind.rates().iter().map(|(_, seconds)| *seconds).max().unwrap_or_default();
        while self.taken.front().is_some_and(|time| *time <= now - TimeDelta::seconds(longest)) {
            self.taken.pop_front();
        }
        let full = self.kind.rates().iter().any(|(most, seconds)| {
            let since = now - TimeDelta::seconds(*seconds);
            self.taken.iter().rev().take_while(|time| **time > since).count() >= *most
        });
        if !full {
            self.taken.push_back(now);
        }
        !full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_rates_hold_over_each_of_their_times() {
        let mut channel = Channel::new(Kind::Connector, "General", "http://a.example/webhookb2/a");
        let mut now = DateTime::UNIX_EPOCH;
        let mut taken_in = |channel: &mut Channel, seconds: i64| {
            let end = now + TimeDelta::seconds(seconds);
            let mut taken = 0;
            while now < end {
                taken += usize::from(channel.takes_one_more(now));
                now += TimeDelta::milliseconds(100);
            }
            taken
        };
        assert_eq!(taken_in(&mut channel, 1), 4);
        assert_eq!(taken_in(&mut channel, 29), 56);
        assert_eq!(taken_in(&mut channel, 3570), 40);
        assert_eq!(taken_in(&mut channel, 3600), 50);
    }
}
