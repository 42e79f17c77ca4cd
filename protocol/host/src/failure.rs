//! Why a daemon did not start or did not go on: a text with evidence and remedy, and an exit code.

use std::fmt::Display;
use std::io::{Write as _, stderr};
use std::process::ExitCode;

/// What a daemon ends with instead of running.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    text: String,
}

impl Failure {
    /// 2: usage or configuration.
    pub fn usage(text: impl Display) -> Self {
        Self { code: 2, text: text.to_string() }
    }

    /// 3: the machine did not give what is needed.
    pub fn machine(text: impl Display) -> Self {
        Self { code: 3, text: text.to_string() }
    }

    /// 4: refused.
    pub fn refused(text: impl Display) -> Self {
        Self { code: 4, text: text.to_string() }
    }

    /// Says it on standard error in the name of `program`.
    pub fn tell(&self, program: &str) -> ExitCode {
        // Nobody is helped if standard error is closed.
        writeln!(stderr().lock(), "{program}: {}", self.text.trim_end()).ok();
        ExitCode::from(self.code)
    }
}
