//! What an answer means.

use std::time::Duration;

use crate::model::Outcome;
use crate::sinks::Verdict;

/// What 410 says.
const UNWANTED: &str = "it wants nothing any more";

/// What a status means, with the pause that was asked for beside it. Only a 2xx takes the events; a redirect is none.
pub(super) fn judge(status: u16, wait: Option<Duration>) -> (Outcome, Verdict) {
    match status {
        200..=299 => (Outcome::Delivered, Verdict::Delivered),
        410 => (Outcome::Gone, Verdict::Gone { why: UNWANTED }),
        429 => (Outcome::Throttled, Verdict::Stalled { wait }),
        503 if wait.is_some() => (Outcome::Throttled, Verdict::Stalled { wait }),
        _ => (Outcome::Refused, Verdict::Failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_success_takes_the_events_and_only_gone_ends_it() {
        let pause = Some(Duration::from_secs(7));
        for (status, hint, outcome, verdict) in [
            (200, None, Outcome::Delivered, Verdict::Delivered),
            (204, pause, Outcome::Delivered, Verdict::Delivered),
            (302, None, Outcome::Refused, Verdict::Failed),
            (400, pause, Outcome::Refused, Verdict::Failed),
            (410, None, Outcome::Gone, Verdict::Gone { why: UNWANTED }),
            (429, pause, Outcome::Throttled, Verdict::Stalled { wait: pause }),
            (429, None, Outcome::Throttled, Verdict::Stalled { wait: None }),
            (500, None, Outcome::Refused, Verdict::Failed),
            (503, None, Outcome::Refused, Verdict::Failed),
            (503, pause, Outcome::Throttled, Verdict::Stalled { wait: pause }),
        ] {
            assert_eq!(judge(status, hint), (outcome, verdict), "{status} {hint:?}");
        }
    }
}
