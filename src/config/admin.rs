use crate::model::Name;
use crate::secret::Secret;

/// `[admin]`: who may use the admin port.
#[derive(Debug, Clone, Default)]
pub struct Admin {
    /// The keys; none is only allowed while the admin port listens on loopback.
    pub api_keys: Vec<ApiKey>,
}

/// One key.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Whose it is, for the log.
    pub name: Name,
    /// The key itself.
    pub key: Secret,
    /// What it allows.
    pub role: Role,
}

/// What a key allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reading.
    Read,
    /// Everything.
    Write,
}
