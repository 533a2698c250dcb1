//! The house rules that no compiler checks: which room may import which, where a library may be used, how long
//! files and functions may be. ARCHITECTURE.md says why; the tables here are what holds.
//!
//! The sources are read as text (`architecture/source.rs`), production code only: tests may look wherever they
//! need to.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected shall stop"
)]

#[path = "architecture/source.rs"]
mod source;

use std::fs;
use std::path::Path;
use std::process::Command;

use source::Source;

/// A room of `src/` and the rooms that its production code may import. A room that is not here yet is no error;
/// one without a row is.
const ROOMS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("clock", &[]),
    ("backoff", &[]),
    ("secret", &[]),
    ("reputation", &[]),
    // Holds the one count of answers that receiving raises and the API shows.
    ("metrics", &["model", "reputation"]),
    ("seal", &["model", "secret"]),
    ("config", &["model", "secret", "backoff"]),
    ("tasks", &["clock"]),
    // `config` for the limits that are set there, `seal` for the length of the key that is kept.
    ("store", &["model", "config", "seal"]),
    ("office365", &["model", "clock", "secret", "seal", "config", "backoff", "metrics", "store"]),
    // Below HTTP: it knows connections and certificates, but no notification.
    ("port", &["clock", "config", "metrics", "tasks"]),
    // `port`, to tell it whose turn it is.
    (
        "receive",
        &["model", "clock", "secret", "seal", "config", "reputation", "metrics", "store", "tasks", "port"],
    ),
    // Sends, and knows nothing of when, in which order, and whether again.
    ("sinks", &["model", "clock", "secret", "config"]),
    ("deliver", &["model", "clock", "backoff", "config", "metrics", "store", "tasks", "sinks"]),
    // The pages, and the sinks that come of them.
    ("connect", &["model", "clock", "secret", "seal", "config", "store", "tasks", "sinks", "deliver"]),
    ("fetch", PIPELINE),
    ("renew", PIPELINE),
    ("retain", &["clock", "config", "store", "tasks"]),
    // What `renew` says about a failure it re-exports; nothing here asks Office 365 itself.
    (
        "api",
        &[
            "model",
            "clock",
            "backoff",
            "secret",
            "reputation",
            "metrics",
            "seal",
            "config",
            "tasks",
            "store",
            "receive",
            "fetch",
            "deliver",
            "connect",
            "renew",
            "retain",
        ],
    ),
    ("simulator", &["model", "clock"]),
    ("telemetry", &["config", "metrics"]),
    ("lifecycle", BELOW_APP),
    ("app", BELOW_APP),
    // Shows and asks; `demo` and `simulate` start the stand-in tenant.
    (
        "cli",
        &[
            "app",
            "lifecycle",
            "telemetry",
            "api",
            "simulator",
            "config",
            "model",
            "clock",
            "secret",
            "backoff",
        ],
    ),
    ("lib", &["cli"]),
    ("main", &["cli"]),
];

/// Stages that talk to Office 365 and to the store, and to each other only through it.
const PIPELINE: &[&str] =
    &["model", "clock", "secret", "seal", "config", "backoff", "metrics", "store", "tasks", "office365"];

/// Everything that the composition root puts together.
const BELOW_APP: &[&str] = &[
    "model",
    "reputation",
    "clock",
    "backoff",
    "secret",
    "metrics",
    "seal",
    "config",
    "tasks",
    "store",
    "office365",
    "port",
    "receive",
    "fetch",
    "sinks",
    "deliver",
    "connect",
    "renew",
    "retain",
    "api",
    "lifecycle",
    "telemetry",
];

/// What may be written only in some rooms: the tokens, the rooms, the reason.
const PLACES: &[(&[&str], &[&str], &str)] = &[
    (&["rusqlite"], &["store"], "SQL stays in the store"),
    (&["lz4_flex", "zstd"], &["store"], "how something is stored is nobody else's business"),
    (&["reqwest"], &["office365", "sinks", "simulator", "cli"], "only clients make requests"),
    (&["hyper"], &["sinks"], "only clients make requests"),
    (
        &["actix_web"],
        &["port", "receive", "connect", "api", "simulator", "app", "lifecycle"],
        "only the ports speak HTTP",
    ),
    (&["actix_http"], &["port"], "what the server library is made of stays in one room"),
    (&["actix_server"], &["port"], "what the server library is made of stays in one room"),
    // `renew` and `office365` read certificates of their own with the same types.
    (
        &["rustls"],
        &["port", "app", "renew", "office365"],
        "TLS is set up in one room, and handed to the ports",
    ),
    (&["println", "!"], &["cli"], "only commands print"),
    (&["print", "!"], &["cli"], "only commands print"),
    (&["eprintln", "!"], &["cli"], "only commands print; logs go through tracing"),
    (&["eprint", "!"], &["cli"], "only commands print; logs go through tracing"),
    (&["anstream"], &["cli", "telemetry"], "only commands print"),
    (
        &["stdout"],
        &["cli", "app"],
        "standard output belongs to the commands; `app` hands it to the sink of that kind",
    ),
    (&["stderr"], &["cli", "telemetry"], "standard error belongs to commands and logs"),
    (
        &["std", ":", ":", "env", ":", ":", "var"],
        &["config", "cli"],
        "settings come in through the configuration",
    ),
    (&["thread_local", "!"], &[], "there is no hidden state"),
    (&["static"], &["main"], "there is no hidden state; the allocator is the one exception"),
    (&["unsafe"], &[], "there is no unsafe code"),
];

/// What convention expects in the top-level folder, and nothing else.
const TOP_LEVEL: &[&str] = &[
    ".ci",
    ".config",
    ".dockerignore",
    ".gitignore",
    ".github",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "benches",
    "clippy.toml",
    "config.example.toml",
    "deny.toml",
    "deploy",
    "docs",
    "fuzz",
    "rustfmt.toml",
    "src",
    "tests",
];

const MAX_FILE_LINES: usize = 500;
const MAX_MEDIAN_LINES: usize = 120;
const MAX_FUNCTION_LINES: usize = 80;

#[test]
fn every_room_imports_only_what_its_row_allows() {
    assert_clean(&sources().iter().flat_map(wrong_imports).collect::<Vec<_>>());
}

#[test]
fn no_two_rooms_may_import_each_other() {
    for (room, allowed) in ROOMS {
        for other in *allowed {
            let back =
                row(other).unwrap_or_else(|| panic!("the row of `{room}` names `{other}`, which has no row"));
            let both = back.contains(room) && !(same_place(room) && same_place(other));
            assert!(!both, "the rows of `{room}` and `{other}` allow each other");
        }
    }
}

#[test]
fn libraries_and_printing_stay_in_their_rooms() {
    assert_clean(&sources().iter().flat_map(out_of_place).collect::<Vec<_>>());
}

#[test]
fn files_and_functions_stay_short() {
    let sources = sources();
    assert_clean(&sources.iter().flat_map(too_long).collect::<Vec<_>>());
    let median = median_lines(&sources);
    assert!(median < MAX_MEDIAN_LINES, "half of the files have {median} lines of production code or more");
}

#[test]
fn production_code_does_not_know_that_it_is_tested() {
    assert_clean(&sources().iter().flat_map(test_switches).collect::<Vec<_>>());
}

#[test]
fn the_top_level_folder_holds_what_convention_expects() {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let Some(listed) = listed.ok().filter(|output| output.status.success()) else {
        eprintln!("skipped: this is no git checkout");
        return;
    };
    for path in String::from_utf8(listed.stdout).unwrap().lines() {
        let top = path.split('/').next().unwrap();
        assert!(TOP_LEVEL.contains(&top), "{top} is not among what the top-level folder may hold");
    }
}

fn wrong_imports(source: &Source) -> Vec<String> {
    let room = source.room();
    let Some(allowed) = row(room) else {
        return vec![format!("src/{}: the room `{room}` has no row in tests/architecture.rs", source.path)];
    };
    let imports = source.imports().into_iter().filter(|(other, _)| !allowed.contains(&other.as_str()));
    imports
        .map(|(other, line)| {
            let allowed = if allowed.is_empty() { "no room".to_owned() } else { allowed.join(", ") };
            format!("src/{}:{line}: `{room}` may not import `{other}`, only {allowed}", source.path)
        })
        .collect()
}

fn out_of_place(source: &Source) -> Vec<String> {
    let elsewhere = PLACES.iter().filter(|(_, rooms, _)| !rooms.contains(&source.room()));
    elsewhere
        .flat_map(|(words, rooms, reason)| {
            source.lines_with(words).into_iter().map(move |line| {
                let rooms = if rooms.is_empty() { "no room".to_owned() } else { rooms.join(", ") };
                format!("src/{}:{line}: `{}` belongs to {rooms}: {reason}", source.path, words.concat())
            })
        })
        .collect()
}

fn too_long(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    if source.lines > MAX_FILE_LINES {
        found.push(format!("src/{}: {} lines, the limit is {MAX_FILE_LINES}", source.path, source.lines));
    }
    for (name, line, lines) in source.functions() {
        if lines > MAX_FUNCTION_LINES {
            found.push(format!(
                "src/{}:{line}: `{name}` has {lines} lines, the limit is {MAX_FUNCTION_LINES}",
                source.path
            ));
        }
    }
    found
}

fn test_switches(source: &Source) -> Vec<String> {
    let tell =
        |line: &usize| format!("src/{}:{line}: only `#[cfg(test)] mod …` may look at `test`", source.path);
    source.test_switches.iter().map(tell).collect()
}

fn median_lines(sources: &[Source]) -> usize {
    let mut lines: Vec<usize> = sources.iter().map(|source| source.lines).collect();
    lines.sort_unstable();
    lines[lines.len() / 2]
}

fn row(room: &str) -> Option<&'static [&'static str]> {
    ROOMS.iter().find(|(name, _)| *name == room).map(|(_, allowed)| *allowed)
}

/// `app`, `lifecycle` and `telemetry` are one place in several files: the composition root.
fn same_place(room: &str) -> bool {
    matches!(room, "app" | "lifecycle" | "telemetry")
}

fn assert_clean(found: &[String]) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// The production code of `src/`.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    read_folder(&root, &root, &mut found);
    assert!(!found.is_empty(), "no sources in {}", root.display());
    let tests: Vec<bool> = found.iter().map(|one| found.iter().any(|other| one.is_test_of(other))).collect();
    let mut tests = tests.into_iter();
    found.retain(|_| tests.next() == Some(false));
    found
}

fn read_folder(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_folder(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
            found.push(Source::read(&name, &fs::read_to_string(&path).unwrap()));
        }
    }
}

mod the_rules_themselves {
    use super::*;

    fn told(rule: fn(&Source) -> Vec<String>, path: &str, text: &str) -> Vec<String> {
        rule(&Source::read(path, text))
    }

    #[test]
    fn an_import_is_seen_however_it_is_written() {
        for import in [
            "use crate::renew::Renewals;",
            "use crate::{\n    model::{Name, Kind},\n    renew,\n};",
            "fn f() { let x: crate::renew::X = todo(); }",
            "use super::super::renew::X;",
            "use o365_listener::renew::X;",
        ] {
            let told = told(wrong_imports, "fetch/round.rs", import);
            assert_eq!(told.len(), 1, "{import}: {told:?}");
            assert!(told[0].contains("`fetch` may not import `renew`"), "{told:?}");
        }
        assert_eq!(told(wrong_imports, "fetch/mod.rs", "use super::renew::X;").len(), 1);
        assert_eq!(told(wrong_imports, "clock.rs", "use super::model::Name;").len(), 1);
        assert_eq!(told(wrong_imports, "model/name.rs", "use crate::*;").len(), 1);
        assert_eq!(told(wrong_imports, "attic/box.rs", "").len(), 1, "a room without a row");
    }

    #[test]
    fn what_is_allowed_and_what_is_no_code_is_not_told() {
        let text = r##"
            //! [`crate::renew`]
            use crate::model::{renew, Name};
            use super::{classify, super::x};
            pub(crate) fn f<'a>() -> &'a str { /* crate::renew */ let _ = 'c'; "crate::renew" }
            const R: &str = r#"use crate::renew; "quoted" "#;
            #[cfg(test)]
            mod tests { use crate::renew::X; }
        "##;
        assert_eq!(told(wrong_imports, "fetch/round.rs", text), Vec::<String>::new());
    }

    #[test]
    fn a_library_in_the_wrong_room_is_told_with_line_and_reason() {
        let told_of = told(out_of_place, "fetch/round.rs", "\nuse rusqlite::Connection;\n");
        assert_eq!(told_of, ["src/fetch/round.rs:2: `rusqlite` belongs to store: SQL stays in the store"]);
        assert_eq!(told(out_of_place, "api/mod.rs", "fn f() { println!(\"x\") }").len(), 1);
        assert_eq!(told(out_of_place, "api/mod.rs", "static X: &'static str = \"\";").len(), 1);
        assert_eq!(told(out_of_place, "cli/mod.rs", "fn f(x: &'static str) { println!(\"x\") }").len(), 0);
    }

    #[test]
    fn long_files_and_functions_are_told() {
        assert_eq!(told(too_long, "model/a.rs", &"// line\n".repeat(501)).len(), 1);
        assert_eq!(told(too_long, "model/a.rs", &"// line\n".repeat(500)).len(), 0);
        let body = "x();\n".repeat(79);
        let long = format!("fn f(a: [u8; 4]) -> u8\nwhere A: B {{\n{body}}}\nfn g();\nfn h() {{}}");
        assert_eq!(
            told(too_long, "model/a.rs", &long),
            ["src/model/a.rs:1: `f` has 82 lines, the limit is 80"]
        );
        let tests = format!("fn f() {{}}\n#[cfg(test)]\nmod tests {{\n{}}}\n", "x();\n".repeat(600));
        assert_eq!(Source::read("model/a.rs", &tests).lines, 1);
    }

    #[test]
    fn a_switch_on_test_is_told_wherever_it_stands() {
        for switch in [
            "#[cfg(test)] fn f() {}",
            "#[cfg(not(test))] mod tests {}",
            "#[cfg(test)] use x::Y;",
            "fn f() -> bool { cfg!(test) }",
            "#[cfg_attr(test, derive(Debug))] struct S;",
        ] {
            assert_eq!(told(test_switches, "model/a.rs", switch).len(), 1, "{switch}");
        }
        let fine =
            "#[cfg(unix)] fn f() {}\n#[cfg(test)]\nmod tests;\n#[cfg(test)]\nmod tests { #[test] fn t() {} }";
        assert_eq!(told(test_switches, "model/a.rs", fine).len(), 0);
    }

    #[test]
    fn a_file_that_is_there_for_tests_only_is_no_production_code() {
        let parent =
            Source::read("fetch/classify.rs", "fn f() {}\n#[cfg(test)]\npub(super) mod tests;\nmod g;");
        assert_eq!(parent.test_files, ["fetch/classify/tests"]);
        assert_eq!(parent.lines, 4);
        for (path, is_test) in [
            ("fetch/classify/tests.rs", true),
            ("fetch/classify/tests/cases.rs", true),
            ("fetch/classify/g.rs", false),
            ("fetch/tests.rs", false),
        ] {
            assert_eq!(Source::read(path, "").is_test_of(&parent), is_test, "{path}");
        }
        assert_eq!(Source::read("fetch/mod.rs", "#[cfg(test)] mod tests;").test_files, ["fetch/tests"]);
        assert_eq!(Source::read("lib.rs", "#[cfg(test)] mod tests;").test_files, ["tests"]);
    }
}
