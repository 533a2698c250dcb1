//! Logs: to standard error, readable for people or as JSON for programs.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// The environment variable with the filter, written as `RUST_LOG` is, but each part with its level: `debug`,
/// `info,o365_listener::fetch=trace`.
pub const FILTER_VARIABLE: &str = "O365_LISTENER_LOG";

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people; coloured on a terminal.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The filter cannot be read. What the library says of it helps nobody.
#[derive(Debug, thiserror::Error)]
#[error(
    "{FILTER_VARIABLE} is not a log filter, but '{0}': write a level such as info or debug, or info,o365_listener::fetch=debug"
)]
pub struct InvalidFilter(String);

/// Starts logging with this filter; a second start in the same process changes nothing.
///
/// # Errors
/// When the filter cannot be read.
pub fn start(format: Format, filter: &str) -> Result<(), InvalidFilter> {
    let filter = read(filter).ok_or_else(|| InvalidFilter(filter.to_owned()))?;
    // A line that cannot be written is lost; reporting that on the same closed pipe would panic.
    let lines =
        tracing_subscriber::fmt().log_internal_errors(false).with_env_filter(filter).with_writer(io::stderr);
    // Whoever began to log first goes on with it.
    let _ = match format {
        Format::Text => lines.with_ansi(io::stderr().is_terminal()).try_init(),
        Format::Json => lines.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// The filter. The library takes any word that is no level for a module's name, blanks included: a mistyped level would
/// silence all the rest.
fn read(filter: &str) -> Option<EnvFilter> {
    let parts: Vec<&str> = filter.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    let has_level = |part: &&str| part.contains(['=', '[', ']']) || part.parse::<LevelFilter>().is_ok();
    if !parts.iter().all(has_level) {
        return None;
    }
    EnvFilter::builder().parse(parts.join(",")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_level_is_not_taken_for_a_module() {
        let most = |filter: &str| read(filter).map(|filter| filter.max_level_hint());
        for filter in ["info", "INFO", " info ", "hyper=warn, info", "info,", "[round]=info,warn"] {
            assert_eq!(most(filter), Some(Some(LevelFilter::INFO)), "{filter}");
        }
        assert_eq!(most("info,o365_listener::fetch=trace"), Some(Some(LevelFilter::TRACE)));
        for filter in ["wran", "info,verbose", "o365_listener"] {
            assert!(read(filter).is_none() && start(Format::Text, filter).is_err(), "{filter}");
        }
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_told_what_to_write() {
        let error = start(Format::Text, "info,=x=").unwrap_err().to_string();
        assert_eq!(
            error,
            "O365_LISTENER_LOG is not a log filter, but 'info,=x=': write a level such as info or debug, or \
             info,o365_listener::fetch=debug"
        );
    }
}
