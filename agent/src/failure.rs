//! Why the agent did not start: a text with evidence and remedy, and an exit code.

use std::fmt::Display;
use std::io::{Write, stderr};
use std::process::ExitCode;

/// What the agent ends with instead of starting.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    text: String,
}

impl Failure {
    /// 2: usage or configuration.
    pub(crate) fn usage(text: impl Display) -> Self {
        Self { code: 2, text: text.to_string() }
    }

    /// 3: the machine did not give what is needed.
    pub(crate) fn machine(text: impl Display) -> Self {
        Self { code: 3, text: text.to_string() }
    }

    /// 4: refused.
    pub(crate) fn refused(text: impl Display) -> Self {
        Self { code: 4, text: text.to_string() }
    }

    /// Says it on standard error.
    pub(crate) fn tell(&self) -> ExitCode {
        // Nobody is helped if standard error is closed.
        writeln!(stderr().lock(), "palisade-agent: {}", self.text.trim_end()).ok();
        ExitCode::from(self.code)
    }
}
