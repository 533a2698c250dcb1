//! When a file is put aside, and under which name.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};

use crate::config::Rotation;

/// How many milliseconds a file's name may be ahead of when it was put aside: those of one millisecond take the next ones,
/// so that they are in their order by name.
const AHEAD: i64 = 1000;

/// Whether a file of this length, written to last at `written_at`, is put aside before `more` bytes are written.
pub(super) fn is_due(
    rotate: Rotation,
    length: u64,
    more: u64,
    written_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> bool {
    let turn = |time: DateTime<Utc>| {
        let every = i64::try_from(rotate.every.as_secs()).unwrap_or(i64::MAX).max(1);
        time.timestamp().div_euclid(every)
    };
    length > 0 && (length.saturating_add(more) > rotate.size || turn(written_at) != turn(now))
}

/// Renames the file: `events.jsonl` becomes `events-20261126T103000.000Z.jsonl`.
pub(super) fn put_aside(path: &Path, now: DateTime<Utc>) -> io::Result<()> {
    let mut names = (0..AHEAD).map(|ahead| named(path, now + TimeDelta::milliseconds(ahead)));
    let free = names.find(|name| !name.exists());
    let aside = free.ok_or_else(|| io::Error::other("there is no free name to put it aside"))?;
    fs::rename(path, aside)?;
    sync_folder_of(path)
}

fn named(path: &Path, time: DateTime<Utc>) -> PathBuf {
    let mut name = path.file_stem().map(OsString::from).unwrap_or_default();
    name.push(time.format("-%Y%m%dT%H%M%S%.3fZ").to_string());
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// Has the names in a file's folder on the disk.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder_of(path))?.sync_all() } else { Ok(()) }
}

/// The folder that a file is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_file_is_put_aside_when_it_is_full_or_its_day_is_over() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let rotate = Rotation { size: 1000, every: Duration::from_secs(24 * 3600) };
        let (evening, night, next) =
            (at("2026-11-26T22:00:00Z"), at("2026-11-26T23:59:59Z"), at("2026-11-27T00:00:00Z"));
        for (length, more, now, due) in [
            (0, 5000, evening, false),
            (0, 10, next, false),
            (990, 10, night, false),
            (990, 11, night, true),
            (10, 10, next, true),
        ] {
            assert_eq!(is_due(rotate, length, more, evening, now), due, "{length} {more} {now}");
        }
    }

    #[test]
    fn the_name_tells_when_it_was_put_aside() {
        let now = "2026-11-26T10:30:00Z".parse().unwrap();
        assert_eq!(named(Path::new("a/events.jsonl"), now), Path::new("a/events-20261126T103000.000Z.jsonl"));
        assert_eq!(named(Path::new("events"), now), Path::new("events-20261126T103000.000Z"));
    }
}
