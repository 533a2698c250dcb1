use clap::Args;
use url::Url;

use super::client::Client;
use crate::secret::Secret;

/// The environment variable with the API key: on the command line every user of the machine could read it.
const KEY_VARIABLE: &str = "O365_LISTENER_API_KEY";

/// Which listener to talk to, and how to show what it answers.
#[derive(Debug, Args)]
pub(super) struct Server {
    /// The running listener's admin address; `O365_LISTENER_API_KEY` holds the key it asks for
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "O365_LISTENER_SERVER",
        default_value = "http://127.0.0.1:8081"
    )]
    server: Url,
    /// Print what the API returned
    #[arg(long, global = true)]
    pub json: bool,
}

impl Server {
    /// A client of it.
    pub fn client(&self) -> anyhow::Result<Client> {
        let key = std::env::var(KEY_VARIABLE).ok().filter(|key| !key.is_empty());
        Client::new(self.server.clone(), key.map(Secret::new))
    }
}
