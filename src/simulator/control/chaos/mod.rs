//! Faults that are drawn from a seed, so that a run repeats.
//!
//! Whether something is struck, and by what, follows from the seed, from what it is (a `GET` of a delta, a notification of one
//! resource) and from how many of the kind there were before it: requests that overtake each other change nothing for the others.

mod fates;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(super) use fates::strike;
pub(crate) use fates::{revalidates, travel, travel_of_webhook};

use super::read;
use crate::simulator::error::GraphError;
use crate::simulator::random::Random;
use crate::simulator::wire::{Answer, Call, Outcome};
use crate::simulator::world::World;

/// Strikes that are remembered one by one.
const KEPT: usize = 2_000;

/// What can strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    /// A request is answered with 429, and how long to wait.
    Throttle,
    /// With 503.
    Unavailable,
    /// Late.
    Slow,
    /// On a connection that breaks.
    Broken,
    /// A delta link or change token with a refusal that means to begin again.
    Gone,
    /// All access tokens given so far expire.
    Tokens,
    /// A notification comes late,
    Late,
    /// never,
    Lose,
    /// twice,
    Duplicate,
    /// behind later ones.
    Reorder,
    /// Beside it comes a storm of lifecycle events.
    Lifecycle,
    /// Its subscription is removed instead.
    Removed,
    /// A renewal shakes hands anew.
    Revalidate,
}

const ALL: [Kind; 13] = [
    Kind::Throttle,
    Kind::Unavailable,
    Kind::Slow,
    Kind::Broken,
    Kind::Gone,
    Kind::Tokens,
    Kind::Late,
    Kind::Lose,
    Kind::Duplicate,
    Kind::Reorder,
    Kind::Lifecycle,
    Kind::Removed,
    Kind::Revalidate,
];

/// What is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    seed: u64,
    /// How often something is struck that can be, from 0 to 1.
    #[serde(default = "one_in_ten")]
    rate: f64,
    #[serde(default = "everything")]
    kinds: Vec<Kind>,
    /// So many strikes, and then peace.
    count: Option<usize>,
    /// The longest that an answer is slow, and the longest that it is told to wait.
    #[serde(default = "two")]
    slow_seconds: u32,
    /// The longest that a notification is late.
    #[serde(default = "sixty")]
    late_seconds: u32,
}

fn one_in_ten() -> f64 {
    0.1
}

fn everything() -> Vec<Kind> {
    ALL.to_vec()
}

fn two() -> u32 {
    2
}

fn sixty() -> u32 {
    60
}

/// Something that was struck.
#[derive(Debug, Clone, Serialize)]
struct Struck {
    at: DateTime<Utc>,
    kind: Kind,
    what: String,
    /// The how-manieth of these it was.
    number: u64,
}

/// What is set, and what has come of it.
#[derive(Debug)]
pub(crate) struct Chaos {
    wish: Wish,
    asked: BTreeMap<String, u64>,
    struck: Vec<Struck>,
    count: usize,
}

impl Chaos {
    fn new(wish: Wish) -> Self {
        Self { wish, asked: BTreeMap::new(), struck: Vec::new(), count: 0 }
    }

    /// What strikes the next of these, if anything, and chance for the rest of it.
    fn draw(&mut self, what: &str, possible: &[Kind], now: DateTime<Utc>) -> Option<(Kind, Random)> {
        let number = self.asked.entry(what.to_owned()).or_default();
        *number += 1;
        let number = *number;
        if self.wish.count.is_some_and(|most| self.count >= most) {
            return None;
        }
        let mut random = Random::new(self.wish.seed, &format!("chaos {what} {number}"));
        let wanted: Vec<Kind> =
            possible.iter().copied().filter(|kind| self.wish.kinds.contains(kind)).collect();
        if !random.chance(self.wish.rate) {
            return None;
        }
        let kind = random.pick(&wanted)?;
        self.count += 1;
        if self.struck.len() < KEPT {
            self.struck.push(Struck { at: now, kind, what: what.to_owned(), number });
        }
        Some((kind, random))
    }

    /// What is set and how often it struck, in a line.
    pub(crate) fn described(&self) -> String {
        let Wish { seed, rate, kinds, .. } = &self.wish;
        format!("seed {seed}, rate {rate}, {} kinds; struck {} times", kinds.len(), self.count)
    }

    fn told(&self) -> Value {
        json!({"chaos": self.wish, "strikes": self.count, "struck": self.struck})
    }
}

pub(super) fn answer(world: &mut World, call: &Call) -> Outcome {
    match call.method.as_str() {
        "GET" => {
            let nothing = || json!({"chaos": null, "strikes": 0, "struck": []});
            Ok(Answer::json(200, world.chaos.as_ref().map_or_else(nothing, Chaos::told)))
        }
        "POST" => {
            let wish: Wish = read(call)?;
            if !(0.0..=1.0).contains(&wish.rate) || wish.kinds.is_empty() {
                let message = "rate is from 0 to 1, and kinds names one at least.";
                return Err(GraphError::new(400, "BadRequest", message));
            }
            let chaos = world.chaos.insert(Chaos::new(wish));
            Ok(Answer::json(200, chaos.told()))
        }
        "DELETE" => {
            world.chaos = None;
            Ok(Answer::empty(204))
        }
        _ => Err(GraphError::segment("chaos")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strikes(seed: u64, order: &[&str]) -> Vec<(String, u64, Kind)> {
        let wish = json!({"seed": seed, "rate": 0.3});
        let mut chaos = Chaos::new(serde_json::from_value(wish).unwrap());
        for what in order {
            chaos.draw(what, &ALL, DateTime::UNIX_EPOCH);
        }
        let mut struck: Vec<_> =
            chaos.struck.into_iter().map(|one| (one.what, one.number, one.kind)).collect();
        struck.sort_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
        struck
    }

    #[test]
    fn what_strikes_follows_from_the_seed_whatever_overtakes_what() {
        let in_turn: Vec<&str> = (0..100).flat_map(|_| ["GET delta", "POST subscriptions"]).collect();
        let apart: Vec<&str> = std::iter::repeat_n("POST subscriptions", 100)
            .chain(std::iter::repeat_n("GET delta", 100))
            .collect();
        let struck = strikes(7, &in_turn);
        assert!((30..=90).contains(&struck.len()), "{} of 200 at a rate of 0.3", struck.len());
        assert_eq!(struck, strikes(7, &apart));
        assert_ne!(struck, strikes(8, &in_turn));
    }

    #[test]
    fn after_so_many_strikes_there_is_peace() {
        let wish = json!({"seed": 1, "rate": 1.0, "count": 3, "kinds": ["throttle"]});
        let mut chaos = Chaos::new(serde_json::from_value(wish).unwrap());
        let struck = (0..10).filter(|_| chaos.draw("GET", &ALL, DateTime::UNIX_EPOCH).is_some()).count();
        assert_eq!(struck, 3);
        assert!(chaos.struck.iter().all(|one| one.kind == Kind::Throttle));
    }

    #[test]
    fn what_cannot_be_struck_by_what_was_asked_for_is_spared() {
        let wish = json!({"seed": 1, "rate": 1.0, "kinds": ["gone"]});
        let mut chaos = Chaos::new(serde_json::from_value(wish).unwrap());
        assert!(chaos.draw("GET", &[Kind::Throttle, Kind::Slow], DateTime::UNIX_EPOCH).is_none());
    }
}
