//! How long subscriptions may live, where that is less than usual, how it is told, and how conflicts are.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::read;
use crate::simulator::error::GraphError;
use crate::simulator::wire::{Answer, Call, Outcome};
use crate::simulator::world::World;

/// What has a longest life of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum LifetimeOf {
    List,
    Drive,
    Message,
    /// Messages with their content.
    Content,
}

/// How it is told that a life is too long: in either of the two texts that were seen, or in one without a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Text {
    #[default]
    Minutes,
    TimeSpan,
    Unnamed,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lowered {
    of: LifetimeOf,
    minutes: u32,
    #[serde(default)]
    text: Text,
}

/// What was lowered under `/_control`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lifetimes(BTreeMap<LifetimeOf, Lowered>);

/// How a conflict is told.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Conflicts {
    /// Whether the id of what exists is left out.
    pub(crate) unnamed: bool,
    /// Whether there are none, as between the app registrations of several listeners.
    pub(crate) none: bool,
}

/// What a renewal does beside renewing.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Renewals {
    /// Whether it shakes hands anew with an address that did not change, as was seen.
    pub(crate) revalidate: bool,
}

/// A life that is longer than it may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TooLong {
    pub(crate) of: LifetimeOf,
    /// `Create` or `Update`.
    pub(crate) operation: &'static str,
    pub(crate) longest: TimeDelta,
    pub(crate) wanted: DateTime<Utc>,
}

impl LifetimeOf {
    /// The longest life by default.
    fn usual(self) -> TimeDelta {
        TimeDelta::minutes(match self {
            Self::Content => 1_440,
            Self::List | Self::Drive => 42_300,
            // 10,080 on paper; the service refuses above this.
            Self::Message => 10_070,
        })
    }
}

impl Lifetimes {
    /// The longest life.
    pub(crate) fn longest(&self, of: LifetimeOf) -> TimeDelta {
        let lowered = self.0.get(&of).map(|lowered| TimeDelta::minutes(lowered.minutes.into()));
        lowered.map_or_else(|| of.usual(), |lowered| lowered.min(of.usual()))
    }

    /// Graph's refusal of a life that is too long.
    pub(crate) fn refusal(&self, it: TooLong) -> GraphError {
        let text = self.0.get(&it.of).map(|lowered| lowered.text).unwrap_or_default();
        match text {
            Text::Minutes => {
                let minutes = it.longest.num_minutes();
                let message = format!("Subscription expiration can only be {minutes} minutes in the future.");
                GraphError::new(400, "ValidationError", message)
            }
            Text::TimeSpan => {
                let wanted = it.wanted.to_rfc3339_opts(SecondsFormat::Secs, true);
                let message = format!(
                    "Operation: {}; Exception: [Status Code: BadRequest; Reason: Expiration time '{wanted}' is beyond allowed max '{}'.]",
                    it.operation,
                    time_span(it.longest)
                );
                GraphError::new(400, "ExtensionError", message)
            }
            Text::Unnamed => {
                let message = "expirationDateTime is beyond the maximum allowed for this resource.";
                GraphError::new(400, "InvalidRequest", message)
            }
        }
    }
}

/// A duration as .NET writes it: days only where there are any.
fn time_span(time: TimeDelta) -> String {
    let (days, hours) = (time.num_days(), time.num_hours() % 24);
    let (minutes, seconds) = (time.num_minutes() % 60, time.num_seconds() % 60);
    let clock = format!("{hours:02}:{minutes:02}:{seconds:02}");
    if days > 0 { format!("{days}.{clock}") } else { clock }
}

pub(super) fn answer(world: &mut World, call: &Call, path: &[&str]) -> Outcome {
    match (call.method.as_str(), path) {
        ("POST", ["lifetimes"]) => {
            let lowered: Lowered = read(call)?;
            world.settings.lifetimes.0.insert(lowered.of, lowered);
            Ok(Answer::json(200, json!(lowered)))
        }
        ("DELETE", ["lifetimes"]) => {
            world.settings.lifetimes = Lifetimes::default();
            Ok(Answer::empty(204))
        }
        ("POST", ["conflicts"]) => {
            world.settings.conflicts = read(call)?;
            Ok(Answer::json(200, json!(world.settings.conflicts)))
        }
        (_, path) => Err(GraphError::segment(path.last().unwrap_or(&"_control"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_dot_net_does() {
        assert_eq!(time_span(TimeDelta::days(3)), "3.00:00:00");
        assert_eq!(time_span(TimeDelta::minutes(60)), "01:00:00");
        assert_eq!(time_span(TimeDelta::minutes(4_230)), "2.22:30:00");
    }
}
