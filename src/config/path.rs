use std::fmt;

/// The way to a value from the top of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Path(Vec<Step>);

/// One step of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Into a section or table.
    Key(String),
    /// Into a list, counted from 0.
    Index(usize),
}

/// A value that is not as it must be.
#[derive(Debug)]
pub(super) struct Fault {
    /// Which.
    pub path: Path,
    /// What is wrong with it and what to write instead.
    pub message: String,
}

impl Fault {
    /// What is wrong with the value at `path`.
    pub fn at(path: impl Into<Path>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

impl Path {
    /// The steps, from the top.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// This path seen from one level above.
    pub fn under(mut self, step: impl Into<Step>) -> Self {
        self.0.insert(0, step.into());
        self
    }
}

impl<const N: usize> From<[&str; N]> for Path {
    fn from(keys: [&str; N]) -> Self {
        Self(keys.into_iter().map(Step::from).collect())
    }
}

/// A key of an entry of a list of tables, such as the `tenant` of the third `[[subscription]]`.
impl From<(&str, usize, &str)> for Path {
    fn from((list, index, key): (&str, usize, &str)) -> Self {
        Self(vec![list.into(), index.into(), key.into()])
    }
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// The keys alone: which entry of a list it is, the line tells.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.0.iter().filter_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Index(_) => None,
        });
        f.write_str(&keys.collect::<Vec<_>>().join("."))
    }
}
