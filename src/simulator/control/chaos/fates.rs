//! What can strike what, and how.

use std::time::Duration;

use chrono::TimeDelta;

use super::Kind;
use crate::simulator::control::faults::{Break, Strike, Struck};
use crate::simulator::control::subscriptions::tell;
use crate::simulator::entra::expire_tokens;
use crate::simulator::error::GraphError;
use crate::simulator::graph::subscriptions::Subscription;
use crate::simulator::random::Random;
use crate::simulator::resync;
use crate::simulator::sharepoint::Webhook;
use crate::simulator::wire::Call;
use crate::simulator::world::World;

/// A longer word in an address is an id.
const LONGEST_WORD: usize = 24;
/// As many lifecycle events come in a storm at least, and as many more at most.
const STORM: usize = 3;
const MORE: usize = 8;
/// How long a notification is held back to come behind later ones.
const HELD_BACK: TimeDelta = TimeDelta::seconds(2);

/// What strikes a request to this path, if anything. Sign-in is spared.
pub(in crate::simulator::control) fn strike(world: &mut World, call: &Call, path: &str) -> Option<Strike> {
    if path.contains("/oauth2/") || path.contains("/.well-known/") || path.contains("/discovery/") {
        return None;
    }
    let mut possible = vec![Kind::Throttle, Kind::Unavailable, Kind::Slow, Kind::Broken, Kind::Tokens];
    possible.extend(cursor(call, path).map(|_| Kind::Gone));
    let now = world.clock.now();
    let (kind, mut random) = world.chaos.as_mut()?.draw(&name(call.method.as_str(), path), &possible, now)?;
    let longest = world.chaos.as_ref().map_or(0, |chaos| chaos.wish.slow_seconds);
    let refused = |error| Strike { struck: Some(Struck::Refused(error)), ..Strike::default() };
    Some(match kind {
        Kind::Throttle => {
            let wait = 1 + random.below(usize::try_from(longest).unwrap_or(0).max(1));
            let error = GraphError::new(429, "TooManyRequests", "Too many requests.");
            refused(error.header("Retry-After", wait.to_string()))
        }
        Kind::Unavailable => {
            refused(GraphError::new(503, "serviceNotAvailable", "The service is not available."))
        }
        Kind::Slow => Strike { delay: part_of(longest, &mut random), struck: None },
        Kind::Broken => {
            let broken = random.pick(&[Break::Before, Break::After, Break::Truncated]);
            Strike { struck: broken.map(Struck::Broken), ..Strike::default() }
        }
        Kind::Gone => refused(gone(cursor(call, path)?, call, path, &mut random)),
        _ => {
            expire_tokens(world);
            Strike::default()
        }
    })
}

/// Some time up to so many seconds.
fn part_of(seconds: u32, random: &mut Random) -> Duration {
    let longest = usize::try_from(seconds).unwrap_or(0).saturating_mul(1000);
    Duration::from_millis(u64::try_from(random.below(longest.saturating_add(1))).unwrap_or(0))
}

/// What a request goes on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cursor {
    /// Of a drive or a list.
    Items,
    Mail,
    ChangeLog,
}

fn cursor(call: &Call, path: &str) -> Option<Cursor> {
    let given = |name| call.query(name).is_some_and(|token| token != "latest");
    let last = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    if last.starts_with("getchanges") {
        return Some(Cursor::ChangeLog);
    }
    match last.split('(').next() {
        Some("delta") if given("token") => Some(Cursor::Items),
        Some("delta") if given("$deltatoken") || given("$skiptoken") => Some(Cursor::Mail),
        _ => None,
    }
}

fn gone(cursor: Cursor, call: &Call, path: &str, random: &mut Random) -> GraphError {
    match cursor {
        Cursor::Items => {
            let flavour = random.pick(&resync::ALL).unwrap_or_default();
            let base = path.split_once("delta(").map_or(path, |(before, _)| before).trim_end_matches("delta");
            let options: Vec<String> = ["$select", "$expand", "$top"]
                .into_iter()
                .filter_map(|name| {
                    let value = url::form_urlencoded::byte_serialize(call.query(name)?.as_bytes());
                    Some(format!("{name}={}", value.collect::<String>()))
                })
                .collect();
            let again = format!("{}{base}delta?{}", call.origin, options.join("&"));
            flavour.refusal(again.trim_end_matches('?').to_owned())
        }
        Cursor::Mail => {
            let message = "The sync state generation is not found; full sync is required.";
            GraphError::new(410, "SyncStateNotFound", message)
        }
        Cursor::ChangeLog => {
            let message = "The changeToken refers to a time before the start of the current change log.";
            GraphError::new(400, "-2130575172, Microsoft.SharePoint.SPException", message)
        }
    }
}

/// A request by its words, without what is one thing's alone.
fn name(method: &str, path: &str) -> String {
    let word = |part: &&str| {
        let letters = part.chars().all(|letter| letter.is_ascii_alphabetic() || "_$".contains(letter));
        !part.is_empty() && part.len() <= LONGEST_WORD && letters
    };
    // Named arguments are written as options of the query just as well.
    let named = |part: &str| if part.contains('=') { 1 } else { usize::MAX };
    let words =
        path.split('/').flat_map(|part| part.split(['(', ')', '\'', ':']).take(named(part))).filter(word);
    std::iter::once(method).chain(words).collect::<Vec<_>>().join(" ")
}

/// When the copies of a notification leave, if chance has it otherwise than as set.
pub(crate) fn travel(world: &mut World, subscription: &Subscription) -> Option<Vec<TimeDelta>> {
    let mut possible = vec![Kind::Late, Kind::Lose, Kind::Duplicate, Kind::Reorder, Kind::Removed];
    possible.extend(subscription.lifecycle_url.is_some().then_some(Kind::Lifecycle));
    let what = format!("notification {}", subscription.resource.trim_start_matches('/'));
    let now = world.clock.now();
    let (kind, mut random) = world.chaos.as_mut()?.draw(&what, &possible, now)?;
    match kind {
        Kind::Lifecycle => {
            let event = random.pick(&["reauthorizationRequired", "missed"]).unwrap_or_default();
            for _ in 0..STORM + random.below(MORE) {
                tell(world, subscription, event);
            }
            None
        }
        Kind::Removed => {
            world.subscriptions.remove(&subscription.id);
            if random.chance(0.5) {
                tell(world, subscription, "subscriptionRemoved");
            }
            Some(Vec::new())
        }
        kind => Some(copies(world, kind, &mut random)),
    }
}

/// The same for a webhook of SharePoint, which knows no lifecycle.
pub(crate) fn travel_of_webhook(world: &mut World, webhook: &Webhook) -> Option<Vec<TimeDelta>> {
    let possible = [Kind::Late, Kind::Lose, Kind::Duplicate, Kind::Reorder, Kind::Removed];
    let what = format!("notification {}", webhook.list);
    let now = world.clock.now();
    let (kind, mut random) = world.chaos.as_mut()?.draw(&what, &possible, now)?;
    if kind == Kind::Removed {
        world.webhooks.remove(&webhook.id);
        return Some(Vec::new());
    }
    Some(copies(world, kind, &mut random))
}

fn copies(world: &World, kind: Kind, random: &mut Random) -> Vec<TimeDelta> {
    let longest = world.chaos.as_ref().map_or(0, |chaos| chaos.wish.late_seconds);
    match kind {
        Kind::Late => vec![TimeDelta::from_std(part_of(longest, random)).unwrap_or_default()],
        Kind::Duplicate => vec![TimeDelta::zero(); 2],
        Kind::Reorder => vec![HELD_BACK],
        _ => Vec::new(),
    }
}

/// Whether a renewal shakes hands anew.
pub(crate) fn revalidates(world: &mut World) -> bool {
    let now = world.clock.now();
    let chaos = world.chaos.as_mut();
    chaos.is_some_and(|chaos| chaos.draw("renewal", &[Kind::Revalidate], now).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_named_by_their_words_alone() {
        for (path, words) in [
            ("/v1.0/drives/b!5Zx/root/delta(token='QUJD9')", "GET drives root delta"),
            (
                "/v1.0/sites/contoso.sharepoint.com,1-2,3-4/lists/0c9a-1/items/delta",
                "GET sites lists items delta",
            ),
            ("/sites/hr/_api/web/lists('0c9a-1')/GetChanges", "GET sites hr _api web lists GetChanges"),
            ("/v1.0/$batch", "GET $batch"),
        ] {
            assert_eq!(name("GET", path), words);
        }
    }
}
