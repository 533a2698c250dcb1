use serde::Deserialize;

/// `limit`: how many of what is listed come in one answer.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Limit(pub usize);

impl Limit {
    /// The most that one answer lists.
    pub const MOST: usize = 1000;
}

impl Default for Limit {
    fn default() -> Self {
        Self(100)
    }
}

impl TryFrom<String> for Limit {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let limit = text.parse().ok().filter(|limit| (1..=Self::MOST).contains(limit));
        limit.map(Self).ok_or("limit is a number from 1 to 1000")
    }
}
