//! Why the daemon did not start or did not go on.

use std::fmt::Display;
use std::io::Write as _;
use std::process::ExitCode;

/// A text with evidence and remedy, and an exit code.
#[derive(Debug)]
pub(super) struct Failure {
    code: u8,
    text: String,
}

impl Failure {
    /// 2: usage or configuration.
    pub(super) fn usage(text: impl Display) -> Self {
        Self { code: 2, text: text.to_string() }
    }

    /// 3: the machine did not give what is needed.
    pub(super) fn machine(text: impl Display) -> Self {
        Self { code: 3, text: text.to_string() }
    }

    /// 4: refused.
    pub(super) fn refused(text: impl Display) -> Self {
        Self { code: 4, text: text.to_string() }
    }

    /// Says it on standard error.
    pub(super) fn tell(self) -> ExitCode {
        // Nobody is helped if standard error is closed.
        drop(writeln!(std::io::stderr().lock(), "palisade-fencer: {}", self.text.trim_end()));
        ExitCode::from(self.code)
    }
}

/// Help and version end with 0, every mistake with 2.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    drop(error.print());
    if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS }
}
