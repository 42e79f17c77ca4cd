//! How the command ends: one line on standard error and one of five codes.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;

/// Why the command did not end with 0.
#[derive(Debug)]
pub(super) struct Failure {
    code: u8,
    text: String,
}

impl Failure {
    /// 1: the asked state does not hold.
    pub(super) fn not_so(text: impl Display) -> Self {
        Self { code: 1, text: text.to_string() }
    }

    /// 2: usage or configuration.
    pub(super) fn usage(text: impl Display) -> Self {
        Self { code: 2, text: text.to_string() }
    }

    /// 3: could not find out.
    pub(super) fn unknown(text: impl Display) -> Self {
        Self { code: 3, text: text.to_string() }
    }

    /// 4: refused.
    pub(super) fn refused(text: impl Display) -> Self {
        Self { code: 4, text: text.to_string() }
    }

    /// Says it on standard error and goes on.
    pub(super) fn say(&self) {
        progress(&self.text);
    }

    /// Says it on standard error; the exit code.
    pub(super) fn tell(self) -> u8 {
        self.say();
        self.code
    }
}

/// Help and version are asked for and end with 0; everything else is a mistake and ends with 2.
pub(super) fn usage(error: &clap::Error) -> u8 {
    let printed = error.print();
    match (error.use_stderr(), printed) {
        (false, Ok(())) => 0,
        (false, Err(_)) => 3,
        (true, _) => 2,
    }
}

/// The result, on standard output; errs with 3 if nobody can read it.
pub(super) fn result(text: &str) -> Result<(), Failure> {
    written(text).map_err(|error| Failure::unknown(format!("standard output: {error}")))
}

/// Past the standard library's own stream, which takes one that is closed for a success.
fn written(text: &str) -> io::Result<()> {
    let out = io::stdout().lock();
    File::from(out.as_fd().try_clone_to_owned()?).write_all(text.as_bytes())
}

/// A remark, on standard error; nobody is helped if that fails.
pub(super) fn progress(text: &str) {
    drop(writeln!(io::stderr().lock(), "palisade: {}", text.trim_end()));
}
