//! `login`: a person signs in for a tenant whose app acts for that person.

use clap::Args;

use super::output::{Look, Output};
use crate::app::{self, SigningIn};
use crate::clock::Clock;
use crate::config::Config;
use crate::model::Name;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The tenant, as the configuration calls it; it says delegated = true
    #[arg(long, value_name = "NAME")]
    tenant: Name,
}

pub(super) async fn run(config: Config, arguments: Arguments) -> anyhow::Result<()> {
    let mut output = Output::new();
    let Arguments { tenant } = arguments;
    let show = |SigningIn { page, code, lifetime }: SigningIn<'_>| {
        let minutes = lifetime.as_secs() / 60;
        output.line(format!(
            "Open {} and type in {} within {minutes} minutes, as the person whose OneDrive and mail are followed.",
            Look::Strong.on(page.to_owned()),
            Look::Strong.on(code.to_owned()),
        ))?;
        Ok(())
    };
    app::login(&config, &tenant, &Clock::system(), show).await?;
    output.line(format!("{}     tenant {tenant}: signed in; start the listener", Look::Good.on("ok")))?;
    Ok(())
}
