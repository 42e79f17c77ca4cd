//! A hook's process: started, watched, killed with its group past the time limit.
//!
//! Never reads the hook's environment from this process, except `PATH` which is fixed.

use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use palisade_protocol::span::Span;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Call;
use crate::child::{self, Group, Unattended};

/// Most bytes of a hook's output that reach the log; what follows is read and dropped.
const OUTPUT_MAX: u64 = 16 * 1024;

/// How long output is still read after the hook has ended: a daemon that it left behind may hold the
/// pipe open for ever.
const OUTPUT_GRACE: Duration = Duration::from_millis(200);

/// How a hook ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It ended with code 0.
    Done,
    /// It ended with another code.
    Exited(i32),
    /// A signal ended it.
    Signalled(i32),
    /// It ran past its limit; its process group was killed.
    TooLong(Duration),
    /// It was not started, and why.
    NotStarted(String),
}

impl Outcome {
    /// Whether the hook did its work.
    pub const fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => write!(out, "done"),
            Self::Exited(code) => write!(out, "ended with exit code {code}"),
            Self::Signalled(signal) => write!(out, "ended by signal {signal}"),
            Self::TooLong(limit) => write!(
                out,
                "killed with its process group after {}; make it quicker or raise hooks.timeout_ms",
                Span(*limit)
            ),
            Self::NotStarted(why) => write!(out, "not started: {why}"),
        }
    }
}

/// Runs one hook to its end or to its limit.
pub(super) async fn run(call: &Call) -> Outcome {
    match start(call).await {
        Ok(group) => watch(call, group).await,
        Err(error) => not_started(call, &error),
    }
}

/// Starts the process. Let go of, it goes on.
async fn start(call: &Call) -> io::Result<Group> {
    let mut command = child::command(call.program());
    command.envs(call.words().iter().map(|(name, value)| (name, value)));
    Group::start(command, call.limit(), Unattended::GoesOn).await
}

fn not_started(call: &Call, error: &io::Error) -> Outcome {
    Outcome::NotStarted(format!(
        "{}: {error}; hooks.{} must be the full path of an executable file",
        call.program().display(),
        call.occasion()
    ))
}

/// Waits for the end of the process while its output goes to the log; past the limit kills its group.
async fn watch(call: &Call, mut group: Group) -> Outcome {
    let mut readers = JoinSet::new();
    let label = format!("hook {} for {}", call.occasion(), call.target());
    let pipes = group.child().map(|child| (child.stdout.take(), child.stderr.take()));
    let (out, err) = pipes.unwrap_or_default();
    if let Some(out) = out {
        readers.spawn(tell(out, label.clone()));
    }
    if let Some(err) = err {
        readers.spawn(tell(err, label));
    }
    let outcome = match group.wait(call.limit()).await {
        Some(Ok(status)) => named(status),
        Some(Err(error)) => Outcome::NotStarted(error.to_string()),
        None => {
            group.kill().await;
            Outcome::TooLong(call.limit())
        }
    };
    if timeout(OUTPUT_GRACE, readers.join_all()).await.is_err() {
        log::debug!("hook {}: its output is held open by another process", call.occasion());
    }
    outcome
}

fn named(status: ExitStatus) -> Outcome {
    match (status.code(), status.signal()) {
        (Some(0), _) => Outcome::Done,
        (Some(code), _) => Outcome::Exited(code),
        (None, signal) => Outcome::Signalled(signal.unwrap_or_default()),
    }
}

/// Logs what a hook prints, line by line; past the allowance it is read and dropped, so that the hook
/// never waits for us.
async fn tell(mut from: impl AsyncRead + Unpin, label: String) {
    let mut lines = BufReader::new((&mut from).take(OUTPUT_MAX));
    let mut line = Vec::new();
    while matches!(lines.read_until(b'\n', &mut line).await, Ok(1..)) {
        log::info!("{label}: {}", String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
    match tokio::io::copy(&mut from, &mut tokio::io::sink()).await {
        Ok(0) | Err(_) => {}
        Ok(more) => log::warn!("{label}: {more} more bytes of output were dropped"),
    }
}
