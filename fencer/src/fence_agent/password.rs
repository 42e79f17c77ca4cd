//! Where the password comes from. It goes to the BMC's session and nowhere else: not to a child's
//! command line or environment, not into a log.

use std::process::Stdio;
use std::time::Duration;

use palisade_host::secret::{Secret, read_secret_file};
use tokio::process::Command;
use tokio::time::timeout;

use super::answer::Failed;
use super::option;
use super::shown::shown;
use super::values::Values;

/// The environment variable asked when no option says the password.
const VARIABLE: &str = "FENCE_PALISADE_PASSWORD";

/// Longest run of a password script: a hung one must leave time for the next level.
const SCRIPT_PATIENCE: Duration = Duration::from_secs(3);

/// Where to find a password. The first of: script, option, file, environment; else it is empty.
#[derive(Debug)]
pub(super) enum Source {
    Known(Secret),
    Script(String),
}

impl Source {
    /// The source that the options name; a file is read at once.
    pub(super) fn of(values: &Values) -> Result<Self, Failed> {
        if let Some(script) = values.filled(&option::PASSWORD_SCRIPT) {
            return Ok(Self::Script(script.to_owned()));
        }
        if let Some(password) = values.given(&option::PASSWORD) {
            return Ok(Self::Known(Secret::new(password.to_owned())));
        }
        if let Some(file) = values.one(&option::PASSWORD_FILE)? {
            let read = read_secret_file(file.as_ref());
            return read
                .map(Self::Known)
                .map_err(|error| Failed::new(format!("password_file: {error}")));
        }
        Ok(Self::Known(Secret::new(std::env::var(VARIABLE).unwrap_or_default())))
    }

    /// The password; runs the script if there is one.
    pub(super) async fn fetch(&self) -> Result<Secret, Failed> {
        match self {
            Self::Known(password) => Ok(password.clone()),
            Self::Script(script) => run(script).await,
        }
    }
}

async fn run(script: &str) -> Result<Secret, Failed> {
    let failed = |why: String| {
        Failed::new(format!(
            "password_script {}: {why}; run it by hand as this user",
            shown(script)
        ))
    };
    let mut words = script.split_whitespace();
    let program = words.next().unwrap_or_default();
    let mut command = Command::new(program);
    command.args(words).env_remove(VARIABLE).stdin(Stdio::null()).stderr(Stdio::null());
    let output = timeout(SCRIPT_PATIENCE, command.kill_on_drop(true).output()).await;
    let output = match output {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(failed(error.to_string())),
        Err(_elapsed) => return Err(failed(format!("no end within {SCRIPT_PATIENCE:?}"))),
    };
    let status = output.status;
    let text =
        String::from_utf8(output.stdout).map_err(|_| failed("its output is no text".into()))?;
    let text = Secret::new(text);
    if !status.success() {
        return Err(failed(format!("ended with {status}")));
    }
    match text.expose().lines().next() {
        None | Some("") => Err(failed("its first line is empty".into())),
        Some(line) => Ok(Secret::new(line.to_owned())),
    }
}
