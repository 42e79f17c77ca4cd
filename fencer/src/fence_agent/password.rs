//! Where the password comes from. It goes to the BMC's session and nowhere else: not to a child's
//! command line or environment, not into a log.

use std::process::Stdio;
use std::time::Duration;

use palisade_host::secret::{Secret, read_secret_file};
use palisade_protocol::span::Span;
use tokio::process::Command;
use tokio::time::timeout;

use super::answer::Failed;
use super::option;
use super::values::Values;
use crate::child;
use crate::power::Password;

/// The environment variable asked when no option says the password.
const VARIABLE: &str = "FENCE_PALISADE_PASSWORD";

/// Longest run of a password script: a hung one must leave a cluster manager, which waits for a minute, time for
/// another device.
const SCRIPT_PATIENCE: Duration = Duration::from_secs(20);

/// Where to find a password. The first of: script, option, file, environment; else it is empty.
#[derive(Debug)]
pub(super) enum Source {
    Known(Password),
    Script(String),
}

impl Source {
    /// The source that the options name; a file is read at once.
    pub(super) fn of(values: &Values) -> Result<Self, Failed> {
        if let Some(script) = values.filled(&option::PASSWORD_SCRIPT) {
            return Ok(Self::Script(script.to_owned()));
        }
        let known = |text: String, from| Self::Known(Password::new(Secret::new(text), from));
        if let Some(password) = values.given(&option::PASSWORD) {
            return Ok(known(password.to_owned(), "option password"));
        }
        if let Some(file) = values.one(&option::PASSWORD_FILE)? {
            return in_file(file).map(Self::Known);
        }
        Ok(std::env::var(VARIABLE)
            .map_or(Self::Known(Password::none()), |text| known(text, VARIABLE)))
    }

    /// The password; runs the script if there is one.
    pub(super) async fn fetch(&self) -> Result<Password, Failed> {
        match self {
            Self::Known(password) => Ok(password.clone()),
            Self::Script(script) => {
                Ok(Password::new(run(script).await?, "the output of password_script"))
            }
        }
    }
}

fn in_file(file: &str) -> Result<Password, Failed> {
    let read = read_secret_file(file.as_ref());
    let secret = read.map_err(|error| Failed::new(format!("password_file: {error}")))?;
    Ok(Password::new(secret, format!("password_file {file}")))
}

/// By the shell and without the blanks at the end of its output, as fence-agents does. What it prints is
/// never shown, and neither is its command line, in which there may be a token.
async fn run(script: &str) -> Result<Secret, Failed> {
    let failed =
        |why: String| Failed::new(format!("password_script: {why}; run it by hand as this user"));
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]).env_remove(VARIABLE).stdin(Stdio::null());
    child::without_blocked_signals(&mut command);
    let output = timeout(SCRIPT_PATIENCE, command.kill_on_drop(true).output()).await;
    let output = match output {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(failed(format!("/bin/sh: {error}"))),
        Err(_elapsed) => return Err(failed(format!("no end within {}", Span(SCRIPT_PATIENCE)))),
    };
    let (status, said) = (output.status, output.stderr.len());
    let text =
        String::from_utf8(output.stdout).map_err(|_| failed("its output is no text".into()))?;
    let text = Secret::new(text);
    if !status.success() {
        return Err(failed(format!(
            "ended with {status} and {said} bytes of complaint, not shown"
        )));
    }
    match text.expose().lines().next().map(str::trim_end) {
        None | Some("") => Err(failed(format!(
            "its first line is empty; it has {said} bytes of complaint, not shown"
        ))),
        Some(line) => Ok(Secret::new(line.to_owned())),
    }
}
