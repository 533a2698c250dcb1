//! Answers that are given instead of the real one, and answers that never arrive in whole.

use chrono::TimeDelta;
use serde::Deserialize;

use crate::simulator::error::GraphError;
use crate::simulator::world::World;

/// What strikes the next `count` requests: either a refusal (`status`) or a broken connection (`break`).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    status: Option<u16>,
    r#break: Option<Break>,
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

    /// Whether it says one thing to do.
    pub(super) fn is_one(&self) -> bool {
        self.status.is_some() != self.r#break.is_some()
    }
}

/// The fault that strikes a request to `path`, if one is queued for it.
pub(crate) fn take_fault(world: &mut World, origin: &str, method: &str, path: &str) -> Option<Struck> {
    let at = world.faults.iter().position(|fault| fault.strikes(method, path))?;
    let fault = world.faults.get_mut(at)?;
    fault.count = fault.count.saturating_sub(1);
    let struck = fault.clone();
    if struck.count == 0 {
        world.faults.remove(at);
    }
    if let Some(broken) = struck.r#break {
        return Some(Struck::Broken(broken));
    }
    let status = struck.status.unwrap_or(500);
    let code = struck.code.as_deref().unwrap_or(usual_code(status));
    let message = struck.message.as_deref().unwrap_or("Queued under /_control.");
    let mut error = GraphError::new(status, code, message);
    error.inner_code = struck.inner_code;
    if let Some(location) = struck.location {
        let own = location.starts_with('/');
        error = error.header("Location", if own { format!("{origin}{location}") } else { location });
    }
    Some(Struck::Refused(match struck.retry_after {
        Some(seconds) if struck.retry_after_date => {
            let until = world.clock.now() + TimeDelta::seconds(seconds.into());
            error.header("Retry-After", until.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
        }
        Some(seconds) => error.header("Retry-After", seconds.to_string()),
        None => error,
    }))
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
