use std::fmt;
use std::path::PathBuf;

/// Why there is no usable configuration: where it stands, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error(
        "cannot read the configuration {}: {reason}; name another with --config FILE or O365_LISTENER_CONFIG",
        file.display()
    )]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// Something in it is not as it must be.
    #[error("{}, {place}{}: {message}", file.display(), after_comma(key))]
    Wrong {
        /// The file.
        file: PathBuf,
        /// Where the value comes from.
        place: Place,
        /// The key, with its section.
        key: String,
        /// What is wrong with it and what to write instead.
        message: String,
    },
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A line of the file, counted from 1.
    Line(usize),
    /// The environment variable that is laid over the file.
    Variable(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Variable(name) => write!(f, "overridden by {name}"),
        }
    }
}

fn after_comma(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!(", {key}") }
}
