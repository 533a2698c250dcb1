//! The store: whether the listener could use it. One that is not there yet is not made.

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use super::Finding;
use crate::clock::Clock;
use crate::config::Config;
use crate::store::{self, Store, StoreError};

/// Said where what keeps a person signed in cannot be read.
const OF_THE_LISTENER: &str = "not tried: the running listener has the store, and with it the person's sign-in; \
                               `o365-listener subscriptions list` tells how it fares";
const UNUSABLE: &str = "not tried: the person's sign-in is in the store, which has to be mended first";

const OLDER: &str = "not tried: the person's sign-in is in the store, which an earlier version wrote";

/// What the rest of the check may use of a store.
pub(super) struct Tried {
    /// The configured one; none where it is not there, cannot be used, or a running listener has it.
    pub kept: Option<Arc<dyn Store>>,
    /// One to answer handshakes with; none where a running listener answers them.
    pub beside: Option<Beside>,
    /// Why what keeps a person signed in cannot be read, where it should be there.
    pub unread: Option<&'static str>,
}

/// A store that is there for the time of the check.
pub(super) struct Beside {
    pub store: Arc<dyn Store>,
    /// Held, since it is removed with this. None: it is the configured one.
    _folder: Option<TempDir>,
}

impl Tried {
    /// Lets go of everything.
    pub async fn close(self) {
        // Where there are both, they are one.
        if let Some(beside) = self.beside {
            beside.store.close().await;
        }
    }
}

pub(super) async fn check(config: &Config, clock: &Clock) -> (Finding, Tried) {
    let subject = format!("store {}", config.store.url);
    let unopened =
        async |finding, unread| (finding, Tried { kept: None, beside: aside(clock).await, unread });
    if let Some(file) = store::file_of(&config.store.url).filter(|file| !file.exists()) {
        let finding = match can_be_made(file) {
            Ok(()) => Finding::good(subject, "is not there yet: `serve` makes it".to_owned()),
            Err(problem) => Finding::bad(subject, problem),
        };
        return unopened(finding, None).await;
    }
    match store::open_as_it_is(&config.store.url, clock.now()).await {
        Ok(store) => {
            let finding = match store.writable().await {
                Ok(()) => Finding::good(subject, None),
                Err(error) => Finding::bad(subject, format!("cannot be written: {error}")),
            };
            let beside = Some(Beside { store: store.clone(), _folder: None });
            (finding, Tried { kept: Some(store), beside, unread: None })
        }
        Err(StoreError::InUse(_)) => {
            let finding = Finding::good(subject, "a running listener has it open".to_owned());
            (finding, Tried { kept: None, beside: None, unread: Some(OF_THE_LISTENER) })
        }
        Err(error @ StoreError::Older { .. }) => {
            unopened(Finding::good(subject, error.to_string()), Some(OLDER)).await
        }
        Err(error) => {
            let finding = Finding::bad(subject, format!("{error}: check the path and its permissions"));
            unopened(finding, Some(UNUSABLE)).await
        }
    }
}

/// Whether there is a folder for it that can be written to.
fn can_be_made(file: &Path) -> Result<(), String> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let shown = folder.display();
    if !folder.is_dir() {
        return Err(format!("there is no folder {shown}: make it, or set [store] url to another place"));
    }
    // A file that nobody sees, and that is gone again.
    let tried = tempfile::tempfile_in(folder).map(|_| ());
    tried.map_err(|error| {
        format!(
            "the folder {shown} cannot be written to ({error}): make it writable for this user, or set [store] url to \
             another place"
        )
    })
}

/// A store of its own: a handshake is answered before anything is stored, so that it stays empty.
async fn aside(clock: &Clock) -> Option<Beside> {
    let folder = tempfile::tempdir().ok()?;
    let url = format!("sqlite:{}", folder.path().join("check.db").display());
    let store = store::open(&url, clock.now()).await.ok()?;
    Some(Beside { store, _folder: Some(folder) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_is_not_there_needs_a_folder_alone_and_leaves_nothing_in_it() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(can_be_made(&folder.path().join("store.db")), Ok(()));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let problem = can_be_made(&folder.path().join("nowhere/store.db")).unwrap_err();
        assert!(problem.starts_with("there is no folder") && problem.contains("make it"), "{problem}");
        std::fs::write(folder.path().join("file"), "").unwrap();
        assert!(can_be_made(&folder.path().join("file/store.db")).is_err(), "a file is no folder");
        assert_eq!(can_be_made(Path::new("store.db")), Ok(()), "in the current one");
    }
}
