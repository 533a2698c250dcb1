use std::net::SocketAddr;

/// `[listen]`: the two ports.
#[derive(Debug, Clone)]
pub struct Listen {
    /// The only port the internet must reach. Default `0.0.0.0:8080`.
    pub notifications: SocketAddr,
    /// API, metrics, health. Default `127.0.0.1:8081`.
    pub admin: SocketAddr,
    /// Largest notification body, in bytes. Default 1 MiB.
    pub body_limit: usize,
}
