use chrono::{DateTime, Utc};

use crate::model::Validity;

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was tried.
    pub subject: String,
    /// What is wrong, and how to mend it; none: it is as it should be.
    pub problem: Option<String>,
    /// What is worth knowing although nothing is wrong.
    pub note: Option<String>,
}

impl Finding {
    pub(super) fn good(subject: impl Into<String>, note: impl Into<Option<String>>) -> Self {
        Self { subject: subject.into(), problem: None, note: note.into() }
    }

    pub(super) fn bad(subject: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { subject: subject.into(), problem: Some(problem.into()), note: None }
    }
}

/// Until when something holds.
pub(super) fn ending(ends: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let day = ends.format("%F");
    match Validity::of(ends, now) {
        Validity::Good => format!("ends on {day}"),
        Validity::Soon => format!("warning: ends on {day}; have a new one in its place before"),
        Validity::Over => format!(
            "warning: should have ended on {day}; if there is a new one, write its end into the configuration"
        ),
    }
}
