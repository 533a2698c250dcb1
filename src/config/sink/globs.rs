use std::fmt;

use globset::{Glob, GlobMatcher};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// Longest glob taken, in bytes: each becomes an automaton that every event is shown to.
const LONGEST: usize = 256;

/// Globs over names or types, one of which has to match; none match everything. `*` matches any characters.
#[derive(Clone, Default)]
pub struct Globs(Vec<GlobMatcher>);

impl Globs {
    /// A single one.
    ///
    /// # Errors
    /// With what is wrong with it.
    pub fn one(text: &str) -> Result<Self, String> {
        glob(text).map(|glob| Self(vec![glob]))
    }

    /// Whether this text is wanted.
    pub fn want(&self, text: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|glob| glob.is_match(text))
    }
}

impl fmt::Debug for Globs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|glob| glob.glob().glob())).finish()
    }
}

impl<'de> Deserialize<'de> for Globs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| glob(text).map_err(D::Error::custom)).collect::<Result<_, _>>().map(Self)
    }
}

fn glob(text: &str) -> Result<GlobMatcher, String> {
    if text.len() > LONGEST {
        return Err(format!("a glob has at most {LONGEST} bytes: write several shorter ones"));
    }
    let glob = Glob::new(text).map_err(|error| format!("'{text}' is not a glob: {}", error.kind()))?;
    Ok(glob.compile_matcher())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn globs(texts: &[&str]) -> Globs {
        Globs(texts.iter().map(|text| glob(text).unwrap()).collect())
    }

    #[test]
    fn one_of_several_has_to_match_and_none_match_everything() {
        assert!(globs(&[]).want("hr-candidates"));
        assert!(globs(&["it-*", "hr-*"]).want("hr-candidates"));
        assert!(globs(&["o365.*.deleted"]).want("o365.listItem.deleted"));
        assert!(!globs(&["it-*"]).want("hr-candidates"));
        assert!(glob("[").is_err() && glob(&"x".repeat(LONGEST + 1)).is_err());
    }
}
