//! A disk that can be filled: a small file system of its own, or a limit that the kernel sets to the process.
//!
//! Either needs a process of its own, so the test runs itself again as a child: in a mount namespace, which takes
//! neither root nor leaves anything behind, or with SIGXFSZ ignored, which works everywhere.

use std::fs::{File, remove_file};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

const ROOM: &str = "O365_LISTENER_TEST_ROOM";

/// Where a test puts its store.
pub struct Disk {
    kind: Kind,
    folder: PathBuf,
    _temporary: Option<TempDir>,
}

enum Kind {
    /// A file system of a few megabytes: a full one says ENOSPC.
    Small,
    /// Nothing can be written to any file: EFBIG, which SQLite takes for a disk that fails.
    Limited,
}

impl Disk {
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }

    /// Leaves no room.
    pub fn fill(&self) {
        match self.kind {
            Kind::Small => {
                let mut ballast = File::options().append(true).create(true).open(self.ballast()).unwrap();
                for piece in [65_536, 4096, 1] {
                    while ballast.write_all(&vec![7; piece]).is_ok() {}
                }
            }
            Kind::Limited => limit("0:"),
        }
    }

    /// Gives the room back.
    pub fn free(&self) {
        match self.kind {
            Kind::Small => remove_file(self.ballast()).unwrap(),
            Kind::Limited => limit("unlimited:"),
        }
    }

    /// Makes a small disk read-only, or writable again.
    pub fn read_only(&self, yes: bool) {
        let options = if yes { "remount,bind,ro" } else { "remount,bind,rw" };
        let mount = Command::new("mount").args(["-o", options]).arg(&self.folder).status().unwrap();
        assert!(mount.success());
    }
}

fn limit(file_size: &str) {
    let pid = std::process::id().to_string();
    let prlimit = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={file_size}")]).status();
    assert!(prlimit.unwrap().success());
}

/// Runs the test of this name with a file system of `megabytes`. Says aloud where that is not possible.
pub fn on_a_small_disk<F: Future<Output = ()>>(test: &str, megabytes: u32, work: impl FnOnce(Disk) -> F) {
    if std::env::var(ROOM).is_ok_and(|room| room == "mount") {
        let temporary = tempfile::tempdir().unwrap();
        let size = format!("size={megabytes}m");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(temporary.path()).status();
        assert!(mount.unwrap().success());
        let folder = temporary.path().to_owned();
        run(work(Disk { kind: Kind::Small, folder: folder.clone(), _temporary: None }));
        let unmount = Command::new("umount").arg("-l").arg(folder).status().unwrap();
        assert!(unmount.success());
        return;
    }
    let ways = [vec!["--mount"], vec!["--map-root-user", "--mount"]];
    let possible = |way: &&Vec<&str>| {
        // Also under a container's root, which may do less than it seems.
        let mount = ["sh", "-c", "mount -t tmpfs tmpfs /mnt"];
        let tried = Command::new("unshare").args(way.iter()).args(mount).output();
        tried.is_ok_and(|output| output.status.success())
    };
    match ways.iter().find(possible) {
        Some(way) => {
            again("mount", Command::new("unshare").args(way).arg(std::env::current_exe().unwrap()), test);
        }
        None => eprintln!(
            "skipped: {test}: this machine allows no mount namespaces (unshare --map-root-user --mount)"
        ),
    }
}

/// Runs the test of this name in a process that the kernel can keep from writing.
pub fn under_a_limit<F: Future<Output = ()>>(test: &str, work: impl FnOnce(Disk) -> F) {
    if std::env::var(ROOM).is_ok_and(|room| room == "limit") {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().to_owned();
        run(work(Disk { kind: Kind::Limited, folder, _temporary: Some(temporary) }));
        return;
    }
    let ignoring = r#"trap '' XFSZ; exec "$0" "$@""#;
    again("limit", Command::new("sh").args(["-c", ignoring]).arg(std::env::current_exe().unwrap()), test);
}

fn again(room: &str, command: &mut Command, test: &str) {
    let output = command.args(["--exact", test, "--nocapture"]).env(ROOM, room).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    println!("{said}");
}

fn run(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(work);
}
