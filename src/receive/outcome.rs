/// What became of one element of a request: the label `result` of `o365_notifications_total`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is in the inbox.
    Stored,
    /// The same, without the content that came with it, for which there was no room.
    Bare,
    /// One like it is in the inbox and has not been claimed, which serves both.
    Elided,
    /// It is genuine, but nobody follows that any more.
    Unknown,
    /// Its `clientState` is not one of ours.
    Forged,
    /// It cannot be read; counted once for a body that cannot be read at all.
    Malformed,
    /// It is genuine, and the store failed or was slow.
    Unstored,
}

impl Outcome {
    pub const fn label(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Bare => "without_content",
            Self::Elided => "elided",
            Self::Unknown => "unknown",
            Self::Forged => "forged",
            Self::Malformed => "malformed",
            Self::Unstored => "unstored",
        }
    }
}
