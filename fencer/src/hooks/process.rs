//! A hook's process: started off the loop, watched, killed with its group past the time limit.
//!
//! Never reads the hook's environment from this process, except `PATH` which is fixed.

use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Call;

/// The only `PATH` that a hook sees.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Most bytes of a hook's output that reach the log; what follows is read and dropped.
const OUTPUT_MAX: u64 = 16 * 1024;

/// How long output is still read after the hook has ended: a daemon that it left behind may hold the
/// pipe open for ever.
const OUTPUT_GRACE: Duration = Duration::from_millis(200);

/// How long a killed hook may take to go before we stop waiting for it.
const REAP_MAX: Duration = Duration::from_secs(1);

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
                "killed with its process group after {} ms; make it quicker or raise hooks.timeout_ms",
                limit.as_millis()
            ),
            Self::NotStarted(why) => write!(out, "not started: {why}"),
        }
    }
}

/// Runs one hook to its end or to its limit.
pub(super) async fn run(call: &Call) -> Outcome {
    match start(call).await {
        Ok(child) => watch(call, child).await,
        Err(error) => not_started(call, &error),
    }
}

/// Starts the process on a thread of its own, since `exec` may wait for a disk or a dead mount.
async fn start(call: &Call) -> io::Result<Child> {
    let mut command = Command::new(call.program());
    command
        .env_clear()
        .env("PATH", PATH)
        .envs(call.words().iter().map(|(name, value)| (name, value)))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let spawned = tokio::task::spawn_blocking(move || command.spawn());
    match timeout(call.limit(), spawned).await {
        Ok(Ok(child)) => child,
        Ok(Err(broken)) => Err(io::Error::other(broken)),
        Err(_late) => Err(io::Error::new(io::ErrorKind::TimedOut, "not started within its limit")),
    }
}

fn not_started(call: &Call, error: &io::Error) -> Outcome {
    Outcome::NotStarted(format!(
        "{}: {error}; hooks.{} must be the full path of an executable file",
        call.program().display(),
        call.occasion()
    ))
}

/// Waits for the end of the process while its output goes to the log; past the limit kills its group.
async fn watch(call: &Call, mut child: Child) -> Outcome {
    let group = child.id();
    let mut readers = JoinSet::new();
    let label = format!("hook {} for {}", call.occasion(), call.target());
    if let Some(out) = child.stdout.take() {
        readers.spawn(tell(out, label.clone()));
    }
    if let Some(err) = child.stderr.take() {
        readers.spawn(tell(err, label));
    }
    let outcome = match timeout(call.limit(), child.wait()).await {
        Ok(Ok(status)) => named(status),
        Ok(Err(error)) => Outcome::NotStarted(error.to_string()),
        Err(_late) => {
            kill(group, &mut child).await;
            Outcome::TooLong(call.limit())
        }
    };
    if timeout(OUTPUT_GRACE, readers.join_all()).await.is_err() {
        log::debug!("hook {}: its output is held open by another process", call.occasion());
    }
    outcome
}

/// Kills the group of a process that nobody has waited for yet, so that the id cannot be another's.
async fn kill(group: Option<u32>, child: &mut Child) {
    if let Some(Ok(id)) = group.map(i32::try_from)
        && let Err(error) = killpg(Pid::from_raw(id), Signal::SIGKILL)
    {
        log::warn!("process group {id} of a hook was not killed: {error}");
    }
    // A killed process that sits in the kernel (a dead mount) is left to the runtime to reap.
    if timeout(REAP_MAX, child.wait()).await.is_err() {
        log::warn!("a killed hook has not gone within {} ms", REAP_MAX.as_millis());
    }
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
