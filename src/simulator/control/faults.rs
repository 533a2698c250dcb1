//! Answers that are given instead of the real one, and answers that never arrive in whole.

use std::time::Duration;

use chrono::TimeDelta;
use serde::Deserialize;

use super::chaos;
use crate::simulator::error::GraphError;
use crate::simulator::wire::Call;
use crate::simulator::world::World;

/// No caller waits longer.
const LONGEST_DELAY: f64 = 600.0;

/// What strikes the next `count` requests: a refusal (`status`) or a broken connection (`break`), a delay, or one after the other.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    status: Option<u16>,
    r#break: Option<Break>,
    /// How long the answer, whichever it is, takes at least: in real time, since that is what callers lose patience by.
    #[serde(default)]
    delay_seconds: f64,
    #[serde(default = "once")]
    count: u32,
    /// Which method it strikes; none: every one.
    method: Option<String>,
    /// Which addresses it strikes; none: every one.
    #[serde(default)]
    path_prefix: String,
    /// Seconds to say in `Retry-After`.
    retry_after: Option<u32>,
    /// Whether `Retry-After` is said as a date.
    #[serde(default)]
    retry_after_date: bool,
    /// The error's code, where the usual one of the status will not do.
    code: Option<String>,
    /// The code inside the error.
    inner_code: Option<String>,
    /// Its text, where the usual one will not do: some flavours of a dead cursor are told only there.
    message: Option<String>,
    /// What to say in `Location`: an address, or a path of this service.
    location: Option<String>,
}

/// Where a connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Break {
    /// Before the request is looked at.
    Before,
    /// After it has had its effect, before a byte of the answer.
    After,
    /// In the middle of the answer.
    Truncated,
}

/// What happens to a request: it waits, and then it is struck, or neither.
#[derive(Debug, Default)]
pub(crate) struct Strike {
    pub(crate) delay: Duration,
    pub(crate) struck: Option<Struck>,
}

/// What a request is struck by.
#[derive(Debug)]
pub(crate) enum Struck {
    Refused(GraphError),
    Broken(Break),
}

fn once() -> u32 {
    1
}

impl Fault {
    fn strikes(&self, method: &str, path: &str) -> bool {
        path.starts_with(&self.path_prefix)
            && self.method.as_ref().is_none_or(|one| one.eq_ignore_ascii_case(method))
    }

    /// Whether it says one thing to do, and how long to wait before it.
    pub(super) fn is_one(&self) -> bool {
        let delay = (0.0..=LONGEST_DELAY).contains(&self.delay_seconds);
        let both = self.status.is_some() && self.r#break.is_some();
        let none = self.status.is_none() && self.r#break.is_none() && self.delay_seconds <= 0.0;
        delay && !both && !none
    }

    /// What it is, in a line.
    pub(crate) fn described(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        parts.extend(self.status.map(|status| format!("status {status}")));
        parts.extend(self.r#break.map(|broken| format!("break {broken:?}").to_lowercase()));
        parts.extend((self.delay_seconds > 0.0).then(|| format!("delay {} s", self.delay_seconds)));
        let method = self.method.as_deref().unwrap_or("any method");
        format!("{} for {} of {method} {}…", parts.join(", "), self.count, self.path_prefix)
    }

    fn refusal(&self, world: &World, origin: &str) -> Option<GraphError> {
        let status = self.status?;
        let code = self.code.as_deref().unwrap_or(usual_code(status));
        let message = self.message.as_deref().unwrap_or("Queued under /_control.");
        let mut error = GraphError::new(status, code, message);
        error.inner_code.clone_from(&self.inner_code);
        if let Some(location) = &self.location {
            let own = location.starts_with('/');
            error =
                error.header("Location", if own { format!("{origin}{location}") } else { location.clone() });
        }
        Some(match self.retry_after {
            Some(seconds) if self.retry_after_date => {
                let until = world.clock.now() + TimeDelta::seconds(seconds.into());
                error.header("Retry-After", until.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
            }
            Some(seconds) => error.header("Retry-After", seconds.to_string()),
            None => error,
        })
    }
}

/// What strikes a request to `path`: what is queued for it, or else what chance has.
pub(crate) fn take_fault(world: &mut World, call: &Call, path: &str) -> Strike {
    let at = world.faults.iter().position(|fault| fault.strikes(call.method.as_str(), path));
    let Some(fault) = at.and_then(|at| world.faults.get_mut(at)) else {
        return chaos::strike(world, call, path).unwrap_or_default();
    };
    fault.count = fault.count.saturating_sub(1);
    let taken = fault.clone();
    if taken.count == 0 {
        world.faults.retain(|fault| fault.count > 0);
    }
    let refused = taken.refusal(world, &call.origin).map(Struck::Refused);
    Strike {
        delay: Duration::try_from_secs_f64(taken.delay_seconds).unwrap_or_default(),
        struck: taken.r#break.map(Struck::Broken).or(refused),
    }
}

fn usual_code(status: u16) -> &'static str {
    match status {
        401 => "InvalidAuthenticationToken",
        403 => "accessDenied",
        404 => "itemNotFound",
        410 => "resyncRequired",
        429 => "TooManyRequests",
        503 => "serviceNotAvailable",
        504 => "UnknownError",
        _ => "generalException",
    }
}
