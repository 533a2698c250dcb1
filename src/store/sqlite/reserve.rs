//! Room that is kept back for the day on which the log has filled the disk. To delete, SQLite needs some: it writes
//! what it is about to delete to the write-ahead log first, and can begin that log anew only once everything in it is
//! copied to the database, which may have to grow for it. So a file that holds nothing takes up some room, and is given
//! up when retention cannot delete what is too old.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::connection;

/// More than the write-ahead log holds before it is copied back, with the largest pages of sixteen rounds in one
/// commit.
const BYTES: u64 = 16 * 1024 * 1024;
/// Room that there must be before the reserve is taken up again, so that it is not what fills the disk.
const PLENTY: u64 = 4 * BYTES;

/// The file, whether it is there or not.
#[derive(Debug)]
pub(super) struct Reserve(PathBuf);

impl Reserve {
    /// The reserve of this database.
    pub(super) fn of(database: &Path) -> Self {
        let mut path = database.as_os_str().to_owned();
        path.push("-reserve");
        Self(path.into())
    }

    /// Takes it, if there is room; a store without one works as well.
    pub(super) fn take(&self) {
        if let Err(error) = self.allocate() {
            self.give_up();
            tracing::debug!(%error, "There is no room for the store's reserve, or its file system cannot keep one");
        }
    }

    /// Takes it again once there is plenty of room.
    pub(super) fn take_again(&self) {
        if !self.0.exists() && self.0.parent().is_some_and(|folder| free(folder) > PLENTY) {
            self.take();
        }
    }

    /// Gives the room back; whether there was any to give.
    pub(super) fn give_up(&self) -> bool {
        fs::remove_file(&self.0).is_ok()
    }

    fn allocate(&self) -> io::Result<()> {
        let file = connection::private().open(&self.0)?;
        allocate(&file)
    }
}

#[cfg(unix)]
fn allocate(file: &fs::File) -> io::Result<()> {
    Ok(rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, BYTES)?)
}

#[cfg(not(unix))]
fn allocate(_: &fs::File) -> io::Result<()> {
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
