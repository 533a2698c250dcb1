use std::fmt::Display;
use std::time::Duration;

/// The code of a chain of links that comes back to itself.
pub const REPEATED_LINK: &str = "repeatedLink";

/// The code of a folder that came and cannot be read: what lies in it is not found that way.
pub const UNREADABLE_FOLDER: &str = "unreadableFolder";

/// Why Office 365 did not do what it was asked, judged once where it is known. Nobody reads message text to decide.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What to do about it.
    pub verdict: Verdict,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// Microsoft's `error.code` (the most specific one), or our own word: `unreachable`, `timeout`, `unreadable`,
    /// `tooLarge`, `throttled`, `busy`, `foreignLink`, `noLink`, `repeatedLink`, `unreadableFolder`, and of signing in `certificate`,
    /// `federatedToken`, `managedIdentity`, `notSignedIn`, `notDelegated`, `signIn`.
    pub code: String,
    /// What a person needs to know and do, with Microsoft's own words in it.
    pub message: String,
}

/// What a failure means for whoever asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The whole tenant (or mailbox) waits this long.
    Throttled(Duration),
    /// Sign-in is refused: a wrong or expired secret, an unknown application or tenant.
    Unauthorized,
    /// Signed in, but not allowed: a permission is missing, or a quota is used up.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// The delta cursor is dead. A fresh start link may come with the answer.
    Gone {
        /// `Location` of the answer.
        restart: Option<String>,
    },
    /// It exists already; the id is Office 365's own, where the answer tells it.
    Conflict {
        /// The guid in the message.
        existing: Option<String>,
    },
    /// It may pass by itself: no connection, a time-out, 5xx.
    Transient,
    /// A subscription was to live longer than it may.
    TooLong {
        /// How long it may, where the answer tells it.
        longest: Option<Duration>,
    },
    /// The request itself is not accepted.
    Rejected,
}

impl Failure {
    /// Whether it may pass by itself.
    pub const fn is_transient(&self) -> bool {
        matches!(self.verdict, Verdict::Throttled(_) | Verdict::Transient)
    }

    /// How long Office 365 asked to wait.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self.verdict {
            Verdict::Throttled(after) => Some(after),
            _ => None,
        }
    }

    /// Puts what it means in our terms before what Office 365 said.
    pub(super) fn explained(mut self, explanation: impl Display) -> Self {
        self.message = format!("{explanation}. {}", self.message);
        self
    }

    /// Names what was looked for, if that is what failed.
    pub(super) fn naming(self, looked_for: impl Display) -> Self {
        match self.verdict {
            Verdict::NotFound => self.explained(format_args!("There is no {looked_for}")),
            _ => self,
        }
    }
}
