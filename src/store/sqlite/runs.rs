//! How hints that have arrived are stored: as runs of those that say the same at the same time.

use serde::ser::{Serialize, SerializeSeq as _, Serializer};

use super::row::{Fields, to_json};
use crate::model::HintKind;
use crate::store::StoreError;

/// Hints within this time, in microseconds, have arrived at the same time, that of the first. Whoever measures how long
/// something took counts in milliseconds.
const SAME_TIME: u64 = 1000;

/// As it is stored: of whom, what, and when.
pub(super) type Arrived = (i64, HintKind, i64);

/// A run: what, when, how many hints of the row stand from the first of it on, and of whom.
type Run<K> = (HintKind, i64, usize, K);

/// The text for these hints.
pub(super) fn write(hints: &[Arrived]) -> Result<String, StoreError> {
    to_json(&Runs(hints))
}

/// The hints of a row, in their order.
pub(super) fn read(fields: &Fields<'_, '_>, column: &'static str) -> Result<Vec<Arrived>, StoreError> {
    let runs: Vec<Run<Vec<i64>>> = fields.json(column)?;
    let mut hints = Vec::new();
    for (kind, received_at, _, keys) in runs {
        hints.extend(keys.into_iter().map(|key| (key, kind, received_at)));
    }
    Ok(hints)
}

struct Runs<'a>(&'a [Arrived]);

struct Keys<'a>(&'a [Arrived]);

impl Serialize for Runs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut runs = serializer.serialize_seq(None)?;
        let mut left = self.0;
        while let Some((_, kind, at)) = left.first() {
            let alike = |(_, other, then): &Arrived| other == kind && then.abs_diff(*at) < SAME_TIME;
            let (run, rest) = left.split_at(left.iter().position(|hint| !alike(hint)).unwrap_or(left.len()));
            let run: Run<Keys<'_>> = (*kind, *at, left.len(), Keys(run));
            runs.serialize_element(&run)?;
            left = rest;
        }
        runs.end()
    }
}

impl Serialize for Keys<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(key, ..)| key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_the_same_at_the_same_time_is_one_run() {
        let at = 1_800_000_000_000_000;
        let hints = [
            (1, HintKind::Change, at),
            (2, HintKind::Change, at + 999),
            (1, HintKind::Change, at - 999),
            (7, HintKind::Change, at + 1000),
            (7, HintKind::Missed, at + 1000),
        ];
        assert_eq!(
            write(&hints).unwrap(),
            r#"[["change",1800000000000000,5,[1,2,1]],["change",1800000000001000,2,[7]],["missed",1800000000001000,1,[7]]]"#
        );
        assert_eq!(write(&[]).unwrap(), "[]");
    }
}
