//! What can happen in a scenario, drawn from a seed.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// The followed resources, by their subscription's name.
pub const NAMES: [&str; 3] = ["candidates", "files", "inbox"];

/// One thing that happens. `at` is an index into [`NAMES`].
#[derive(Debug, Clone)]
pub enum Action {
    Change { at: usize, count: u32, seed: u64 },
    Replay { at: usize },
    Travel { duplicate: f64, reorder: f64, lose: f64, delay: u32 },
    Refuse { status: u16, count: u32, retry_after: Option<u32>, date: bool, login: bool },
    Break { kind: &'static str, count: u32 },
    Expire { at: usize },
    Remove { at: usize, told: bool },
    Lifecycle { event: &'static str },
    Gone { at: usize },
    Pages { size: usize },
    Pass { seconds: u64 },
    Crash,
    Restart,
}

/// From when on is told. All but the first are at rest before anything happens, so that it is known what was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    Beginning,
    Baseline,
    Now,
}

impl Start {
    /// That of this seed.
    pub fn of(seed: u64) -> Self {
        [Self::Beginning, Self::Baseline, Self::Beginning, Self::Now][usize::try_from(seed % 4).unwrap()]
    }

    pub fn text(self) -> &'static str {
        match self {
            Self::Beginning => "beginning",
            Self::Baseline => "baseline",
            Self::Now => "now",
        }
    }

    /// Whether what was there before is known to the listener; a mailbox has no "now".
    pub fn knows_before(self, name: &str) -> bool {
        self != Self::Now || name == "inbox"
    }
}

/// The scenario of this seed.
pub fn draw(seed: u64) -> Vec<Action> {
    let mut random = StdRng::seed_from_u64(seed);
    let length = random.random_range(6..16);
    (0..length).map(|_| one(&mut random)).collect()
}

fn one(random: &mut StdRng) -> Action {
    let at = random.random_range(0..NAMES.len());
    let count = random.random_range(1..4);
    let share = |random: &mut StdRng| f64::from(random.random_range(0..3_u8)) * 0.4;
    match random.random_range(0..34) {
        0..10 => Action::Change { at, count: count * 2, seed: random.random::<u64>() >> 16 },
        10 => Action::Replay { at },
        11..14 => Action::Travel {
            duplicate: share(random),
            reorder: share(random),
            lose: share(random),
            delay: [0, 1, 30][random.random_range(0..3)],
        },
        14..18 => Action::Refuse {
            status: [429, 429, 503, 500, 504][random.random_range(0..5)],
            count,
            retry_after: [None, Some(3), Some(40)][random.random_range(0..3)],
            date: random.random(),
            login: random.random_range(0..4) == 0,
        },
        18..21 => Action::Break { kind: ["before", "after", "truncated"][random.random_range(0..3)], count },
        21 => Action::Expire { at },
        22 | 23 => Action::Remove { at, told: random.random() },
        24 => Action::Lifecycle {
            event: ["missed", "reauthorizationRequired", "subscriptionRemoved"][random.random_range(0..3)],
        },
        25 => Action::Gone { at },
        26 => Action::Pages { size: [1, 2, 200][random.random_range(0..3)] },
        27 | 28 => Action::Crash,
        29 => Action::Restart,
        _ => Action::Pass { seconds: [1, 5, 30, 120, 3600, 25_000][random.random_range(0..6)] },
    }
}
