use std::fmt;

use globset::GlobMatcher;
use serde::Deserialize;

/// Globs over names or types, one of which has to match; none match everything. `*` matches any characters.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Globs(Vec<Glob>);

impl Globs {
    /// A single one.
    ///
    /// # Errors
    /// With what is wrong with it.
    pub fn one(text: &str) -> Result<Self, String> {
        Glob::try_from(text.to_owned()).map(|glob| Self(vec![glob]))
    }

    /// Several.
    ///
    /// # Errors
    /// With what is wrong with the first that is none.
    pub fn several(texts: impl IntoIterator<Item = String>) -> Result<Self, String> {
        texts.into_iter().map(Glob::try_from).collect::<Result<_, _>>().map(Self)
    }

    /// Whether this text is wanted.
    pub fn want(&self, text: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|glob| glob.is_match(text))
    }

    /// Those that match none of these, as they were written.
    pub fn idle<'a>(&'a self, among: &[&str]) -> Vec<&'a str> {
        let idle = self.0.iter().filter(|glob| !among.iter().any(|text| glob.is_match(text)));
        idle.map(|glob| glob.0.glob().glob()).collect()
    }
}

/// A glob over names or types; `*` matches any characters.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Glob(GlobMatcher);

impl Glob {
    /// Longest glob taken, in bytes: each becomes an automaton that every event is shown to.
    pub const LONGEST: usize = 256;

    /// Whether it matches this text.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl TryFrom<String> for Glob {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.len() > Self::LONGEST {
            return Err(format!("a glob has at most {} bytes: write several shorter ones", Self::LONGEST));
        }
        let glob =
            globset::Glob::new(&text).map_err(|error| format!("'{text}' is not a glob: {}", error.kind()))?;
        Ok(Self(glob.compile_matcher()))
    }
}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0.glob().glob(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(text: &str) -> Result<Glob, String> {
        Glob::try_from(text.to_owned())
    }

    fn globs(texts: &[&str]) -> Globs {
        Globs(texts.iter().map(|text| glob(text).unwrap()).collect())
    }

    #[test]
    fn one_of_several_has_to_match_and_none_match_everything() {
        assert!(globs(&[]).want("hr-candidates"));
        assert!(globs(&["it-*", "hr-*"]).want("hr-candidates"));
        assert!(globs(&["o365.*.deleted"]).want("o365.listItem.deleted"));
        assert!(!globs(&["it-*"]).want("hr-candidates"));
        assert_eq!(globs(&["it-*", "hr-*"]).idle(&["hr-candidates", "x"]), ["it-*"]);
        assert!(glob("[").is_err() && glob(&"x".repeat(Glob::LONGEST + 1)).is_err());
    }
}
