//! How a visit can end, with what the page says of it: what happened, and what to do.

use actix_web::http::StatusCode;

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    Denied,
    NoInvite,
    UnknownInvite,
    ExpiredInvite,
    UsedInvite,
    TooManyVisits,
    UsedState,
    UnknownState,
    ExpiredState,
    Foreign,
    NoAddress,
    WrongHost,
    Failed,
    Rushed,
    Unavailable,
}

/// What a page says.
pub(super) struct Words {
    pub status: StatusCode,
    /// The word for it in an address.
    pub slug: &'static str,
    pub heading: &'static str,
    pub happened: &'static str,
    pub next: &'static str,
}

const AGAIN: &str = "Open the link from your invitation again: it still works.";
const NEW_LINK: &str = "Ask whoever sent you the link for a new one.";

impl Outcome {
    const ALL: [Self; 16] = [
        Self::Done,
        Self::Denied,
        Self::NoInvite,
        Self::UnknownInvite,
        Self::ExpiredInvite,
        Self::UsedInvite,
        Self::TooManyVisits,
        Self::UsedState,
        Self::UnknownState,
        Self::ExpiredState,
        Self::Foreign,
        Self::NoAddress,
        Self::WrongHost,
        Self::Failed,
        Self::Rushed,
        Self::Unavailable,
    ];

    /// The one that an address names.
    pub fn named(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.words().slug == slug)
    }

    /// What is said of it.
    pub fn words(self) -> Words {
        let (status, slug, heading, happened, next) = match self {
            Self::Done | Self::Denied | Self::Failed | Self::NoAddress | Self::WrongHost => self.answered(),
            Self::NoInvite | Self::UnknownInvite | Self::ExpiredInvite | Self::UsedInvite => self.uninvited(),
            Self::UsedState | Self::UnknownState | Self::ExpiredState | Self::Foreign => self.unexpected(),
            Self::TooManyVisits | Self::Rushed | Self::Unavailable => self.overrun(),
        };
        Words { status, slug, heading, happened, next }
    }

    /// Office 365 has answered.
    fn answered(self) -> (StatusCode, &'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::Done => (
                StatusCode::OK,
                "connected",
                "Connected",
                "Your group will hear of what you picked. A first card is on its way to it.",
                "You can close this page. To end the connection, ask whoever sent you the link.",
            ),
            Self::Denied => (
                StatusCode::FORBIDDEN,
                "denied",
                "Access was denied",
                "Office 365 says that you chose Deny, so nothing was connected, and nobody is told of anything.",
                "If that was a mistake, open the link from your invitation again: it still works.",
            ),
            Self::NoAddress => (
                StatusCode::BAD_GATEWAY,
                "no-address",
                "Office 365 sent no address",
                "The answer of Office 365 does not say where cards could be posted to, so nothing was connected.",
                AGAIN,
            ),
            Self::WrongHost => (
                StatusCode::BAD_GATEWAY,
                "wrong-host",
                "This address is not one of Office 365",
                "The answer names an address for cards that is not where Office 365 has them. It was not kept, and \
                 nothing was connected.",
                "Open the link from your invitation again, and use only the page that its button leads to. If it \
                 happens again, tell whoever sent you the link.",
            ),
            _ => (
                StatusCode::BAD_GATEWAY,
                "failed",
                "Office 365 did not connect the group",
                "Office 365 says that something went wrong there, so nothing was connected.",
                AGAIN,
            ),
        }
    }

    /// The link is no good.
    fn uninvited(self) -> (StatusCode, &'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::NoInvite => (
                StatusCode::FORBIDDEN,
                "invitation-needed",
                "This page needs an invitation",
                "Groups are connected by a personal link, and this address has none in it.",
                "Open the link from your invitation, and all of it. If you have none, ask whoever runs this service.",
            ),
            Self::ExpiredInvite => (
                StatusCode::GONE,
                "invitation-ended",
                "This invitation has ended",
                "A link is good for seven days, and these are over.",
                NEW_LINK,
            ),
            Self::UsedInvite => (
                StatusCode::GONE,
                "invitation-used",
                "This invitation was used",
                "A group was connected with this link already. Each link connects one group.",
                "To connect another group, ask whoever sent you the link for a new one.",
            ),
            _ => (
                StatusCode::NOT_FOUND,
                "invitation-unknown",
                "This invitation is not known",
                "The link may have been cut short on its way to you, or it ended a while ago.",
                "Open the whole link from your invitation, or ask whoever sent it for a new one.",
            ),
        }
    }

    /// An answer that nobody waits for.
    fn unexpected(self) -> (StatusCode, &'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::UsedState => (
                StatusCode::CONFLICT,
                "answered-before",
                "This answer was taken before",
                "Office 365's answer came a second time, as when a page is loaded again. Nothing was done with it.",
                "If your group has got its first card, all is well. Otherwise open the link from your invitation again.",
            ),
            Self::ExpiredState => (
                StatusCode::GONE,
                "too-late",
                "That took too long",
                "Between the button and the answer of Office 365 there are ten minutes, and they are over. Nothing was \
                 connected.",
                AGAIN,
            ),
            Self::Foreign => (
                StatusCode::FORBIDDEN,
                "other-browser",
                "This was begun in another browser",
                "The answer of Office 365 belongs to a visit that did not begin in this browser, so it was not taken: \
                 somebody may have sent you a link to connect a group of theirs.",
                "Open the link from your invitation in this browser, and allow cookies for this page.",
            ),
            _ => (
                StatusCode::BAD_REQUEST,
                "not-expected",
                "Nobody waits for this answer",
                "This address is where Office 365 sends people back to, and it does not say what it answers.",
                "Begin with the link from your invitation.",
            ),
        }
    }

    /// Too much at once.
    fn overrun(self) -> (StatusCode, &'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::TooManyVisits => (
                StatusCode::TOO_MANY_REQUESTS,
                "too-often",
                "Tried too often",
                "The button was pressed very often with this invitation.",
                "Wait for ten minutes, then open the link again.",
            ),
            Self::Rushed => (
                StatusCode::TOO_MANY_REQUESTS,
                "busy",
                "Too many at once",
                "More people are on this page than it serves at a time.",
                "Wait for a minute, then load it again.",
            ),
            _ => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "This does not work just now",
                "The service cannot reach what it keeps. It is not your fault.",
                "Wait for a minute, then load the page again. Your invitation still works.",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_outcome_has_its_own_words() {
        let slugs: HashSet<_> = Outcome::ALL.map(|outcome| outcome.words().slug).into();
        let headings: HashSet<_> = Outcome::ALL.map(|outcome| outcome.words().heading).into();
        assert_eq!((slugs.len(), headings.len()), (Outcome::ALL.len(), Outcome::ALL.len()));
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::named(outcome.words().slug), Some(outcome));
        }
        assert_eq!(Outcome::named("<script>"), None);
    }
}
