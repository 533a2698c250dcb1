//! When a subscription is looked at again after a round has ended.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::model::Rhythm;
use crate::store::{Cause, RoundEnd};

/// A notification can precede the change in what is read, so a round that finds nothing right after one is looked
/// at again after these times, then left to the sweep.
const LOOKS: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(10), Duration::from_secs(60)];

/// However often a subscription is swept, it is not more often than this.
const SHORTEST_SWEEP: Duration = Duration::from_secs(5 * 60);

/// How often the period of sweeps is halved at most.
const MOST_HASTE: u32 = 5;
/// How often a sweep that found something halves it; each one that finds nothing takes one of these back.
const HASTE: u32 = 2;

/// Office 365 tries to deliver a notification for four hours. Whoever did not listen for longer has missed some.
pub const RETRY_WINDOW: Duration = Duration::from_secs(4 * 3600);

/// A round that has ended.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    /// Why it was made.
    pub cause: Cause,
    /// Events that it wrote.
    pub events: u64,
    /// Looks in a row before it that had found nothing.
    pub looks: u32,
    /// The rhythm before it.
    pub rhythm: Rhythm,
    /// When the last notification arrived.
    pub notified_at: Option<DateTime<Utc>>,
}

/// What comes after a round. `chance` is a random number in `[0, 1)`: sweeps are spread over a tenth of their period, so
/// that subscriptions made together are not swept together.
pub fn after(round: &Round, sweep_every: Option<Duration>, now: DateTime<Utc>, chance: f64) -> RoundEnd {
    let rhythm = heard(swept(round, now), round.notified_at);
    let expecting = match round.cause {
        Cause::Hint => Some(0),
        Cause::AnotherLook => usize::try_from(round.looks).ok(),
        Cause::First | Cause::Anew | Cause::Sweep | Cause::OutageSweep => None,
    };
    if round.events == 0
        && let Some(made) = expecting
        && let Some(wait) = LOOKS.get(made)
    {
        let looks = u32::try_from(made).unwrap_or(u32::MAX).saturating_add(1);
        return RoundEnd { next_at: Some(now + *wait), empty_looks: looks, rhythm };
    }
    let sweep = sweep_every.map(|every| next_sweep(&rhythm, every, now, chance));
    RoundEnd { next_at: sweep, empty_looks: 0, rhythm }
}

/// When to sweep: regularly, more often after a sweep that found something, and early where it is quiet.
fn next_sweep(rhythm: &Rhythm, every: Duration, now: DateTime<Utc>, chance: f64) -> DateTime<Utc> {
    let shortest = SHORTEST_SWEEP.min(every);
    let period = (every / 2_u32.saturating_pow(rhythm.haste.min(MOST_HASTE))).max(shortest);
    let regular = now + period.mul_f64(1.0 - 0.1 * chance);
    let early = rhythm.quiet_sweep_at().map(|at| at.max(now + shortest));
    early.map_or(regular, |early| early.min(regular))
}

/// The rhythm after what the round found, if it was a sweep.
fn swept(round: &Round, now: DateTime<Utc>) -> Rhythm {
    let mut rhythm = round.rhythm;
    match (round.cause, round.events) {
        (Cause::Sweep, 1..) => rhythm.haste = rhythm.haste.saturating_add(HASTE).min(MOST_HASTE),
        (Cause::Sweep | Cause::OutageSweep, 0) => {
            rhythm.haste = rhythm.haste.saturating_sub(1);
            if rhythm.unusual_at().is_some_and(|at| at <= now) {
                rhythm.quiet_sweeps = rhythm.quiet_sweeps.saturating_add(1);
            }
        }
        _ => {}
    }
    rhythm
}

/// The rhythm after a notification, if one came since the last that was counted. The average follows slowly: an eighth
/// of each new gap.
fn heard(mut rhythm: Rhythm, notified_at: Option<DateTime<Utc>>) -> Rhythm {
    let Some(at) = notified_at.filter(|at| rhythm.alive_at.is_none_or(|before| before < *at)) else {
        return rhythm;
    };
    if let Some(gap) = rhythm.alive_at.and_then(|before| (at - before).to_std().ok()) {
        let usual =
            rhythm.usual_gap.map_or(gap, |usual| usual.saturating_sub(usual / 8).saturating_add(gap / 8));
        rhythm.usual_gap = Some(usual);
        rhythm.gaps = rhythm.gaps.saturating_add(1);
    }
    rhythm.alive_at = Some(at);
    rhythm.quiet_sweeps = 0;
    rhythm
}

#[cfg(test)]
mod tests;
