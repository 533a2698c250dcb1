use std::fmt::{self, Display};
use std::io::{self, Stdout, Write};

use anstream::AutoStream;

/// Standard output. Colours reach terminals only. Writing fails when the reader has closed the pipe; that error is
/// handed up, ends the command, and is no failure.
pub(super) struct Output(AutoStream<Stdout>);

impl Output {
    /// Standard output.
    pub fn new() -> Self {
        Self(anstream::stdout())
    }

    /// Writes a line, at once.
    pub fn line(&mut self, text: impl Display) -> io::Result<()> {
        writeln!(self.0, "{text}")?;
        self.0.flush()
    }
}

/// Escape codes of the few colours used.
const RESET: &str = "\x1b[0m";

/// How a text looks on a terminal.
#[derive(Debug, Clone, Copy)]
pub(super) enum Look {
    /// Less important than the rest.
    Faint,
    /// A heading.
    Strong,
    /// As it should be.
    Good,
    /// Something is wrong.
    Bad,
    /// Something that arrived.
    News,
}

impl Look {
    /// The text with this look.
    pub fn on(self, text: impl Display) -> impl Display {
        struct Painted<T>(&'static str, T);

        impl<T: Display> Display for Painted<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}{RESET}", self.0, self.1)
            }
        }

        let code = match self {
            Self::Faint => "\x1b[2m",
            Self::Strong => "\x1b[1m",
            Self::Good => "\x1b[32m",
            Self::Bad => "\x1b[31m",
            Self::News => "\x1b[36m",
        };
        Painted(code, text)
    }
}
