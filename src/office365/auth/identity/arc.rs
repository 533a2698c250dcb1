//! The agent of Azure Arc wants to see that we may read what only privileged users can: it names a file in its answer, and
//! what is in there has to come back.
//!
//! Whoever answers in the agent's place could name any file, and get it. So only what lies right in the agent's own
//! folder is read, is a plain file, and is small.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use zeroize::Zeroizing;

/// As documented, in bytes.
const LONGEST: u64 = 4096;

/// What proves it: the header to send along.
pub(super) fn proof(headers: &HeaderMap, tokens: &Path) -> Result<HeaderValue, String> {
    let file = named(headers).ok_or("its answer names no file to read")?;
    let wrong = |reason: &str| format!("it wants the file {} to be read, {reason}", file.display());
    if file.parent() != Some(tokens) || file.extension().is_none_or(|extension| extension != "key") {
        return Err(wrong(&format!("which is not a .key file in {}", tokens.display())));
    }
    let unreadable = |error: std::io::Error| {
        wrong(&format!(
            "which fails ({error}): add the user that runs this program to the group himds, or run it as root"
        ))
    };
    if !file.symlink_metadata().map_err(unreadable)?.is_file() {
        return Err(wrong("which is no plain file"));
    }
    let mut text = Zeroizing::new(String::new());
    let length = File::open(&file).map_err(unreadable)?.take(LONGEST + 1).read_to_string(&mut text);
    if length.map_err(unreadable)? > usize::try_from(LONGEST).unwrap_or(usize::MAX) {
        return Err(wrong("which is longer than 4,096 bytes"));
    }
    let mut proof = HeaderValue::from_str(&format!("Basic {}", text.trim()))
        .map_err(|_| wrong("which fits into no header"))?;
    proof.set_sensitive(true);
    Ok(proof)
}

/// The file in `Basic realm=PATH`, with or without quotes.
fn named(headers: &HeaderMap) -> Option<PathBuf> {
    let challenge = headers.get(WWW_AUTHENTICATE)?.to_str().ok()?;
    let (_, path) = challenge.split_once("realm=")?;
    let path = path.trim().trim_matches('"');
    (!path.is_empty()).then(|| path.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(challenge: &str, tokens: &Path) -> Result<HeaderValue, String> {
        let mut headers = HeaderMap::new();
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_str(challenge).unwrap());
        proof(&headers, tokens)
    }

    #[test]
    fn only_small_key_files_of_the_agents_folder_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = folder.path().join("tokens");
        std::fs::create_dir_all(tokens.join("below")).unwrap();
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
            format!("Basic realm={}/{name}", folder.path().display())
        };
        let good = asked(&write("tokens/a.key", "c2VjcmV0\n"), &tokens).unwrap();
        assert_eq!(good, "Basic c2VjcmV0");
        assert!(good.is_sensitive());
        std::os::unix::fs::symlink(folder.path().join("tokens/a.key"), tokens.join("link.key")).unwrap();
        for (challenge, words) in [
            (write("a.key", "x"), "not a .key file in"),
            (write("tokens/a.txt", "x"), "not a .key file in"),
            (write("tokens/below/a.key", "x"), "not a .key file in"),
            (format!("Basic realm={}/../a.key", tokens.display()), "not a .key file in"),
            (write("tokens/long.key", &"x".repeat(4097)), "longer than 4,096 bytes"),
            (format!("Basic realm={}/none.key", tokens.display()), "add the user"),
            (format!("Basic realm={}/link.key", tokens.display()), "no plain file"),
            ("Basic realm=".to_owned(), "names no file"),
            ("Basic".to_owned(), "names no file"),
        ] {
            let said = asked(&challenge, &tokens).unwrap_err();
            assert!(said.contains(words), "{challenge}: {said}");
        }
    }
}
