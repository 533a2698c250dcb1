//! Room that is kept back for the day on which the log has filled the disk. To delete, SQLite needs some: it writes
//! what it is about to delete to the write-ahead log first, and can begin that log anew only once everything in it is
//! copied to the database, which may have to grow for it. So a file that holds nothing takes up some room, and is given
//! up when retention cannot delete what is too old.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::connection;

/// The least. The write-ahead log is copied back at 4 MiB, and usually one commit longer at most. While there is no room
/// to copy it, it goes on growing in what is left of the disk, which is less than it holds: so it may become twice as long.
const LEAST: u64 = 16 * 1024 * 1024;
/// Commits may be larger: sixteen rounds may write 2 MiB each at once, and one page of large items may be 64 MiB. The
/// write-ahead log keeps the length that it needed for them, and the reserve follows it.
const TIMES_THE_LOG: u64 = 2;
/// How often the reserve has to fit into what is free before it is taken, so that it is not what fills the disk.
const PLENTY: u64 = 4;

/// The file, whether it is there or not.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    write_ahead_log: PathBuf,
}

impl Reserve {
    /// The reserve of this database.
    pub(super) fn of(database: &Path) -> Self {
        let beside = |ending| {
            let mut path = database.as_os_str().to_owned();
            path.push(ending);
            path.into()
        };
        Self { path: beside("-reserve"), write_ahead_log: beside("-wal") }
    }

    /// Takes it, if there is room; a store without one works as well.
    pub(super) fn take(&self) {
        if let Err(error) = self.allocate(LEAST) {
            self.give_up();
            tracing::debug!(%error, "There is no room for the store's reserve, or its file system cannot keep one");
        }
    }

    /// Takes it again, or more of it, once there is plenty of room.
    pub(super) fn take_again(&self) {
        let wanted = LEAST.max(TIMES_THE_LOG.saturating_mul(length(&self.write_ahead_log)));
        let plenty = |folder| free(folder) > PLENTY.saturating_mul(wanted);
        if length(&self.path) < wanted && self.path.parent().is_some_and(plenty) {
            // What there is of it already stays.
            if let Err(error) = self.allocate(wanted) {
                tracing::debug!(%error, "The store's reserve cannot be made as large as it should be");
            }
        }
    }

    /// Gives the room back; whether there was any to give.
    pub(super) fn give_up(&self) -> bool {
        fs::remove_file(&self.path).is_ok()
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        let file = connection::private().open(&self.path)?;
        allocate(&file, bytes)
    }
}

/// How long a file is, if it is there.
fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}

#[cfg(unix)]
fn allocate(file: &fs::File, bytes: u64) -> io::Result<()> {
    Ok(rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, bytes)?)
}

#[cfg(not(unix))]
fn allocate(_: &fs::File, _: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Bytes that are free for us.
#[cfg(unix)]
fn free(folder: &Path) -> u64 {
    rustix::fs::statvfs(folder).map_or(0, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(not(unix))]
fn free(_: &Path) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_follows_the_write_ahead_log() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::of(&folder.path().join("store.db"));
        let log = fs::File::create(folder.path().join("store.db-wal")).unwrap();
        let kept = || length(&folder.path().join("store.db-reserve"));
        log.set_len(LEAST / 4).unwrap();
        reserve.take();
        reserve.take_again();
        assert_eq!(kept(), LEAST);
        log.set_len(LEAST).unwrap();
        reserve.take_again();
        assert_eq!(kept(), 2 * LEAST);
        assert!(reserve.give_up() && !reserve.give_up());
        assert_eq!(kept(), 0);
    }
}
