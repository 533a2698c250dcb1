//! Logs: to standard error, readable for people or as JSON for programs.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// The environment variable with the filter, written as `RUST_LOG` is: `debug`, `info,o365_listener::fetch=trace`.
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
    let invalid = || InvalidFilter(filter.to_owned());
    if !filter.split(',').all(says_how_much) {
        return Err(invalid());
    }
    let filter = EnvFilter::builder().parse(filter).map_err(|_| invalid())?;
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

/// Whether this part of a filter is a level, or has one. The library takes any other word for a module's name: a mistyped
/// level would silence all the rest.
fn says_how_much(part: &str) -> bool {
    let part = part.trim();
    part.is_empty() || part.contains('=') || part.parse::<LevelFilter>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_level_is_not_taken_for_a_module() {
        for part in ["info", "DEBUG", "off", "", " warn ", "o365_listener::fetch=trace", "hyper=debug"] {
            assert!(says_how_much(part), "{part}");
        }
        for part in ["wran", "verbose", "o365_listener"] {
            assert!(!says_how_much(part) && start(Format::Text, &format!("info,{part}")).is_err(), "{part}");
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
