//! Looking up what is ours by what we have numbered ourselves.

use std::hash::{BuildHasherDefault, Hasher};

/// For ids that nobody outside chooses: ours are random and come with a MAC, keys are counted. So no table has to be
/// protected from ids that are chosen to collide, which is most of what a look-up costs otherwise.
pub(super) type OurIds = BuildHasherDefault<Mixed>;

/// Multiplies by the golden ratio, which moves every bit to the upper ones.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mixed(u64);

impl Mixed {
    fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(FACTOR);
    }
}

impl Hasher for Mixed {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            self.mix(u64::from_le_bytes(word));
        }
    }

    fn write_i64(&mut self, number: i64) {
        self.mix(number.cast_unsigned());
    }

    fn write_usize(&mut self, _: usize) {
        // The length of an id, which is always the same.
    }

    fn finish(&self) -> u64 {
        // Tables look at the lower bits and at the uppermost.
        self.0 ^ (self.0 >> 32)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::BuildHasher as _;

    use uuid::Uuid;

    use super::*;

    /// The share of `number` places, as many as there are hashes, that one falls on: 63 of 100 where they fall by chance.
    fn spread(hashes: impl Iterator<Item = u64>, number: usize) -> f64 {
        let number = u64::try_from(number).unwrap();
        let places: HashSet<u64> = hashes.map(|hash| hash % number).collect();
        f64::from(u32::try_from(places.len()).unwrap()) / f64::from(u32::try_from(number).unwrap())
    }

    #[test]
    fn ids_and_keys_fall_everywhere() {
        let hasher = OurIds::default();
        let ids = (0..4096).map(|_| hasher.hash_one(Uuid::now_v7()));
        assert!(spread(ids.clone(), 4096) > 0.6);
        assert!(spread((0..4096_i64).map(|key| hasher.hash_one(key)), 4096) > 0.6);
        // The uppermost seven bits tell entries of a group apart.
        let tops: HashSet<u64> = ids.map(|hash| hash >> 57).collect();
        assert_eq!(tops.len(), 128);
    }
}
