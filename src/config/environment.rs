use std::collections::BTreeMap;

/// What a variable must begin with to be laid over the file.
const PREFIX: &str = "O365_LISTENER__";

/// The environment variables, taken once.
#[derive(Debug, Clone, Default)]
pub(super) struct Environment(BTreeMap<String, String>);

/// A variable that is laid over the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Overlay<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is set to.
    pub value: &'a str,
}

impl Environment {
    /// Takes these variables.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(variables.into_iter().collect())
    }

    /// What a variable is set to.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The variables `O365_LISTENER__…`.
    pub fn overlays(&self) -> impl Iterator<Item = Overlay<'_>> {
        let named = self.0.iter().filter(|(name, _)| name.starts_with(PREFIX));
        named.map(|(name, value)| Overlay { name, value })
    }
}

impl Overlay<'_> {
    /// The sections on the way to the key, and the key.
    pub fn keys(&self) -> Vec<String> {
        let keys = self.name.strip_prefix(PREFIX).unwrap_or_default();
        keys.split("__").map(str::to_lowercase).collect()
    }
}
