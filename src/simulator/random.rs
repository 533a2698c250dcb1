//! Randomness that follows from a seed, the same on every machine (`SplitMix64`).

use uuid::Uuid;

/// A stream of pseudo-random values.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// A stream of its own for each `purpose`, so that asking one for more does not shift the others.
    pub(crate) fn new(seed: u64, purpose: &str) -> Self {
        let state = purpose.bytes().fold(seed ^ 0x6a09_e667_f3bc_c908, |state, byte| {
            (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23)
        });
        Self(state)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to but not including `limit` (0 when that is 0).
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        usize::try_from(self.next().checked_rem(limit).unwrap_or(0)).unwrap_or(0)
    }

    /// True with this probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        f64::from(u32::try_from(self.next() >> 32).unwrap_or(0)) < probability * f64::from(u32::MAX)
    }

    /// One of `choices`, unless there is none.
    pub(crate) fn pick<T: Clone>(&mut self, choices: &[T]) -> Option<T> {
        choices.get(self.below(choices.len())).cloned()
    }

    /// Puts `things` into another order.
    pub(crate) fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            things.swap(last, self.below(last + 1));
        }
    }

    pub(crate) fn uuid(&mut self) -> Uuid {
        let (high, low) = (self.next(), self.next());
        uuid::Builder::from_random_bytes(*Uuid::from_u64_pair(high, low).as_bytes()).into_uuid()
    }

    /// `length` characters of `alphabet`.
    pub(crate) fn text(&mut self, alphabet: &str, length: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        (0..length).filter_map(|_| self.pick(&letters)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_purpose_give_the_same_stream() {
        assert_eq!(Random::new(7, "ids").uuid(), Random::new(7, "ids").uuid());
        assert_ne!(Random::new(7, "ids").uuid(), Random::new(8, "ids").uuid());
        assert_ne!(Random::new(7, "ids").uuid(), Random::new(7, "names").uuid());
    }
}
