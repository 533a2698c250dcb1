//! A file of JSON lines, on the disk before the position moves.
//!
//! A crash may leave half a line behind; its event was not taken, and comes again. So the half is cut off when the file
//! is opened, if it is one of ours. The same is done after a write that failed.

mod rotation;

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Manner, Report, Sink, lines, shown, written};
use crate::clock::Clock;
use crate::config::{self, Rotation};
use crate::model::{Event, Name};

/// Events written and synced together.
const BATCH: usize = 1000;
/// How each of our lines begins.
const OPENING: &[u8] = br#"{"specversion""#;
/// What is read at once in search of a line's beginning.
const BLOCK: u64 = 64 * 1024;

/// A file.
pub(super) struct FileSink {
    gate: String,
    clock: Clock,
    pages: Arc<Mutex<Pages>>,
}

/// The file that is written to just now.
struct Pages {
    path: PathBuf,
    rotate: Rotation,
    open: Option<Open>,
}

struct Open {
    file: File,
    /// Length of what is known to be whole lines.
    length: u64,
    /// When it was written to last.
    written_at: DateTime<Utc>,
}

impl FileSink {
    pub fn new(name: &Name, configured: &config::FileSink, clock: Clock) -> Self {
        let pages = Pages { path: configured.path.clone(), rotate: configured.rotate, open: None };
        Self { gate: format!("sink:{name}"), clock, pages: Arc::new(Mutex::new(pages)) }
    }

    async fn append(&self, events: &[Event]) -> Result<(), String> {
        let text = lines(events).map_err(|error| error.to_string())?;
        let (pages, now) = (Arc::clone(&self.pages), self.clock.now());
        let appended = tokio::task::spawn_blocking(move || {
            let mut pages = pages.lock().unwrap_or_else(PoisonError::into_inner);
            pages.append(&text, now).map_err(|error| format!("{}: {error}", pages.path.display()))
        });
        appended.await.map_err(|_| "writing broke off".to_owned())?
    }
}

impl Pages {
    /// Writes whole lines, or none, and has them on the disk.
    fn append(&mut self, text: &[u8], now: DateTime<Utc>) -> io::Result<()> {
        let open = match self.open.take().filter(|open| open.is_still_at(&self.path)) {
            Some(open) => open,
            None => Open::at(&self.path, now)?,
        };
        let size = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let mut open = if rotation::is_due(self.rotate, open.length, size, open.written_at, now) {
            drop(open);
            rotation::put_aside(&self.path, now)?;
            Open::at(&self.path, now)?
        } else {
            open
        };
        // After a failure the file is opened anew, which cuts off what is half.
        open.file.write_all(text)?;
        open.file.sync_data()?;
        open.length += size;
        open.written_at = now;
        self.open = Some(open);
        Ok(())
    }
}

impl Open {
    /// Opens the file behind its last whole line, or makes it.
    fn at(path: &Path, now: DateTime<Utc>) -> io::Result<Self> {
        let made = !path.exists();
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        if made {
            rotation::sync_folder_of(path)?;
        }
        let length = mend(&mut file)?;
        let written_at = file.metadata()?.modified().map(DateTime::<Utc>::from);
        // A file that is empty begins now, whenever it was made.
        let written_at = if length == 0 { now } else { written_at? };
        Ok(Self { file, length, written_at })
    }

    /// Whether nobody has deleted it, or put another one in its place: what is written would be seen by nobody.
    fn is_still_at(&self, path: &Path) -> bool {
        #[cfg(unix)]
        let identity = |found: std::fs::Metadata| {
            (std::os::unix::fs::MetadataExt::dev(&found), std::os::unix::fs::MetadataExt::ino(&found))
        };
        // Others do not let an open file be renamed.
        #[cfg(not(unix))]
        let identity = |found: std::fs::Metadata| found.is_file();
        let same =
            |there: std::fs::Metadata| self.file.metadata().map(|mine| identity(mine) == identity(there));
        std::fs::metadata(path).and_then(same).unwrap_or_default()
    }
}

/// Whether a file could be written, without making it.
fn writable(path: &Path) -> io::Result<()> {
    if path.exists() {
        return OpenOptions::new().append(true).open(path).map(|_| ());
    }
    // A file that nobody sees, and that is gone again.
    tempfile::tempfile_in(rotation::folder_of(path)).map(|_| ())
}

/// Cuts off half a line at the end, or ends it where it is not ours. How long the file is then.
fn mend(file: &mut File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let whole = last_line_end(file, length)?;
    if whole == length {
        return Ok(length);
    }
    file.seek(SeekFrom::Start(whole))?;
    let mut opening = Vec::new();
    io::Read::by_ref(file)
        .take(u64::try_from(OPENING.len()).unwrap_or_default())
        .read_to_end(&mut opening)?;
    if OPENING.starts_with(&opening) {
        file.set_len(whole)?;
        return Ok(whole);
    }
    file.write_all(b"\n")?;
    Ok(length + 1)
}

/// Where the last line that has an end has it.
fn last_line_end(file: &mut File, length: u64) -> io::Result<u64> {
    let mut end = length;
    while end > 0 {
        let begin = end.saturating_sub(BLOCK);
        file.seek(SeekFrom::Start(begin))?;
        let mut block = Vec::new();
        io::Read::by_ref(file).take(end - begin).read_to_end(&mut block)?;
        if let Some(at) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok(begin + u64::try_from(at).unwrap_or_default() + 1);
        }
        end = begin;
    }
    Ok(0)
}

#[async_trait]
impl Sink for FileSink {
    fn gate(&self) -> &str {
        &self.gate
    }

    fn manner(&self) -> Manner {
        Manner { at_once: 1, batch: BATCH, strict: true, joined: true }
    }

    async fn deliver(&self, events: &[Event]) -> Report {
        written(&self.clock, self.append(events)).await
    }

    async fn check(&self) -> Result<(), String> {
        let pages = Arc::clone(&self.pages);
        let checked = tokio::task::spawn_blocking(move || {
            let path = pages.lock().unwrap_or_else(PoisonError::into_inner).path.clone();
            writable(&path).map_err(|error| format!("{}: {error}", path.display()))
        });
        checked.await.map_err(|_| "looking at the file broke off".to_owned())?
    }

    fn preview(&self, events: &[Event]) -> String {
        shown(events)
    }
}

#[cfg(test)]
mod tests;
