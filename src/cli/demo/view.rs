//! What the demo shows: what runs where, a line for each change and for each event, and a count at the end.

use std::collections::BTreeMap;
use std::time::Duration;

use super::stage::Stage;
use crate::cli::event::{Event, Folders};
use crate::cli::output::Look;
use crate::cli::readable::{fields, plain};

/// Width of the part of an event's line that stands before its latency.
const WIDTH: usize = 96;

/// What was shown so far.
#[derive(Debug, Default)]
pub(super) struct View {
    changes: usize,
    /// Events by type.
    events: BTreeMap<String, usize>,
}

impl View {
    /// A change was made.
    pub fn change(&mut self, says: &str) -> String {
        self.changes += 1;
        format!("{} {says}", Look::Faint.on("→"))
    }

    /// An event arrived, this long after the change it tells of.
    pub fn event(
        &mut self,
        event: &Event,
        folders: &Folders,
        clock: &str,
        after: Option<Duration>,
    ) -> String {
        *self.events.entry(event.short_type().to_owned()).or_default() += 1;
        let line = plain(&event.line(folders), WIDTH);
        let after = after.map(|after| format!("{} ms after the change", after.as_millis()));
        let line = match after {
            Some(after) => format!("{line:<WIDTH$}  {}", Look::Faint.on(after)),
            None => line,
        };
        format!("{} {} {line}", Look::News.on("←"), Look::Faint.on(clock))
    }

    /// Whether changes were made and nothing came in.
    pub fn came_to_nothing(&self) -> bool {
        self.changes > 0 && self.events.is_empty()
    }

    /// How much came in.
    pub fn summary(&self) -> String {
        let total: usize = self.events.values().sum();
        let heading = format!("{} changes made, {total} events read:", self.changes);
        let rows = self.events.iter().map(|(kind, number)| (kind.as_str(), format!("{number:>5}")));
        format!("\n{}\n{}", Look::Strong.on(heading), fields(rows))
    }
}

/// What runs where.
pub(super) fn header(stage: &Stage) -> String {
    let tenant = stage.tenant();
    let (folder, kept) = stage.data();
    let fate = if kept { "kept" } else { "removed at the end" };
    let rows = [
        ("simulated tenant", tenant.url.clone()),
        ("notifications", format!("http://{}", stage.notifications())),
        ("admin", format!("http://{}", stage.admin())),
        ("data", format!("{} ({fate})", folder.display())),
        (
            "follows",
            format!("{}, {}, {}", tenant.resources.list, tenant.resources.drive, tenant.resources.mail),
        ),
    ];
    let heading = "o365-listener demo: changes (→) are made with Graph's calls, events (←) read from the listener's log";
    let look = format!(
        "  Look around: o365-listener subscriptions list --server http://{}   Ctrl-C ends the demo.",
        stage.admin()
    );
    format!("{}\n{}\n{}\n", Look::Strong.on(heading), fields(rows), Look::Faint.on(look))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::event::tests::event;
    use serde_json::json;

    #[test]
    fn changes_and_events_are_aligned_lines_with_a_count_at_the_end() {
        let mut view = View::default();
        let folders = Folders::new();
        let renamed = json!({"changed": ["name"], "previous": {"name": "plan.docx"}, "resource": {"name": "plan-v2.docx"}});
        let created = json!({"changed": [], "previous": {}, "resource": {"name": "plan.docx"}});
        let lines = [
            view.change("uploaded plan.docx"),
            view.event(
                &event("driveItem.created", &created),
                &folders,
                "12:00:02",
                Some(Duration::from_millis(31)),
            ),
            view.change("renamed plan.docx to plan-v2.docx"),
            view.event(
                &event("driveItem.updated", &renamed),
                &folders,
                "12:00:03",
                Some(Duration::from_millis(14)),
            ),
            view.event(&event("driveItem.updated", &renamed), &folders, "12:00:03", None),
            view.summary(),
        ];
        insta::assert_snapshot!(anstream::adapter::strip_str(&lines.join("\n")), @r"
        → uploaded plan.docx
        ← 12:00:02 driveItem.created  files         plan.docx                                                        31 ms after the change
        → renamed plan.docx to plan-v2.docx
        ← 12:00:03 driveItem.updated  files         plan-v2.docx          name: plan.docx → plan-v2.docx             14 ms after the change
        ← 12:00:03 driveItem.updated  files         plan-v2.docx          name: plan.docx → plan-v2.docx

        2 changes made, 3 events read:
          driveItem.created      1
          driveItem.updated      2
        ");
    }
}
