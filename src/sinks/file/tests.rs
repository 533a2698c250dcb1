use super::*;
use crate::model::Cursor;
use crate::model::Outcome;
use crate::sinks::Verdict;
use serde_json::value::RawValue;
use std::time::Duration;

fn event(id: &str) -> Event {
    Event {
        cursor: Cursor::at(1),
        id: id.to_owned(),
        tenant: "contoso".parse().unwrap(),
        subscription: "hr".parse().unwrap(),
        event_type: "o365.listItem.updated".to_owned(),
        subject: "17".to_owned(),
        time: DateTime::UNIX_EPOCH,
        data: RawValue::from_string("{}".to_owned()).unwrap(),
    }
}

struct Bench {
    folder: tempfile::TempDir,
    clock: Clock,
    sink: FileSink,
}

impl Bench {
    fn new(rotate: Rotation) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Clock::system().now());
        let configured = config::FileSink { path: folder.path().join("events.jsonl"), rotate };
        let sink = FileSink::new(&"audit".parse().unwrap(), &configured, clock.clone());
        Self { folder, clock, sink }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("events.jsonl")
    }

    async fn delivers(&self, ids: &[&str]) -> Verdict {
        self.sink.deliver(&ids.iter().map(|id| event(id)).collect::<Vec<_>>()).await.verdict
    }

    /// The ids in all files, those put aside first.
    fn ids(&self) -> Vec<Vec<String>> {
        let mut files: Vec<_> =
            std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let id = |line: &str| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_str().unwrap().to_owned()
        };
        files.iter().map(|file| std::fs::read_to_string(file).unwrap().lines().map(id).collect()).collect()
    }
}

#[tokio::test]
async fn events_are_lines_in_their_order_and_a_new_day_begins_a_new_file() {
    let bench = Bench::new(Rotation::default());
    assert_eq!(bench.delivers(&["a", "b"]).await, Verdict::Delivered);
    assert_eq!(bench.delivers(&["c"]).await, Verdict::Delivered);
    assert_eq!(bench.ids(), [["a", "b", "c"]]);
    bench.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(bench.delivers(&["d"]).await, Verdict::Delivered);
    assert_eq!(bench.ids(), [vec!["a", "b", "c"], vec!["d"]]);
}

#[tokio::test]
async fn a_full_file_is_put_aside_and_none_is_written_over() {
    let bench = Bench::new(Rotation { size: 10, ..Rotation::default() });
    for id in ["a", "b", "c", "d"] {
        assert_eq!(bench.delivers(&[id]).await, Verdict::Delivered);
    }
    assert_eq!(bench.ids(), [["a"], ["b"], ["c"], ["d"]], "in their order by name");
}

#[tokio::test]
async fn half_a_line_that_a_crash_left_is_cut_off_and_what_is_not_ours_is_kept() {
    let bench = Bench::new(Rotation::default());
    bench.delivers(&["a"]).await;
    let whole = std::fs::read_to_string(bench.path()).unwrap();
    for (left, expected) in [
        (format!("{whole}{{\"specversion\":\"1.0\",\"id\":\"b"), whole.clone()),
        (format!("{whole}{{\"spec"), whole.clone()),
        (format!("{whole}a note"), format!("{whole}a note\n")),
    ] {
        std::fs::write(bench.path(), &left).unwrap();
        let configured = config::FileSink { path: bench.path(), rotate: Rotation::default() };
        let again = FileSink::new(&"audit".parse().unwrap(), &configured, bench.clock.clone());
        assert_eq!(again.deliver(&[event("b")]).await.verdict, Verdict::Delivered);
        let text = std::fs::read_to_string(bench.path()).unwrap();
        let (kept, line) = text.split_at(expected.len());
        assert_eq!(kept, expected);
        assert!(line.starts_with("{\"specversion\"") && line.contains("\"id\":\"b\""), "{line}");
    }
}

#[tokio::test]
async fn what_cannot_be_written_stalls_and_tells_the_path() {
    let bench = Bench::new(Rotation::default());
    std::fs::create_dir(bench.path()).unwrap();
    let report = bench.sink.deliver(&[event("a")]).await;
    assert_eq!(
        (report.verdict, report.attempt.outcome),
        (Verdict::Stalled { wait: None }, Outcome::Unwritable)
    );
    assert!(report.attempt.excerpt.contains("events.jsonl"), "{}", report.attempt.excerpt);
    std::fs::remove_dir(bench.path()).unwrap();
    assert_eq!(bench.delivers(&["a"]).await, Verdict::Delivered);
}

#[tokio::test]
async fn a_file_that_others_take_away_is_begun_anew() {
    let bench = Bench::new(Rotation::default());
    assert_eq!(bench.delivers(&["a"]).await, Verdict::Delivered);
    std::fs::rename(bench.path(), bench.folder.path().join("aside.jsonl")).unwrap();
    assert_eq!(bench.delivers(&["b"]).await, Verdict::Delivered);
    std::fs::write(bench.folder.path().join("other"), "").unwrap();
    std::fs::rename(bench.folder.path().join("other"), bench.path()).unwrap();
    assert_eq!(bench.delivers(&["c"]).await, Verdict::Delivered);
    assert_eq!(bench.ids(), [["a"], ["c"]]);
    std::fs::remove_file(bench.path()).unwrap();
    assert_eq!(bench.delivers(&["d"]).await, Verdict::Delivered);
    assert_eq!(bench.ids(), [["a"], ["d"]]);
}
