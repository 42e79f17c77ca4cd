//! One run of a fence agent.
//!
//! Ends the agent with its whole process group before the deadline, when nobody waits for it any more, and
//! when this process ends, however it does; kills what an agent that ended left in its group. Keeps no
//! more of its output than a person will read.

use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use palisade_host::clock;
use palisade_host::secret::Secret;
use palisade_protocol::span::Span;
use palisade_protocol::time::Instant;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::ChildStdin;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::child::{self, Group, Unattended};
use crate::power::error::PowerErrorKind;
use crate::power::trouble::{Trouble, quoted};

/// Most bytes of each output that are kept; the rest is read and dropped, so that no agent ever waits
/// for us.
const OUTPUT_MAX: usize = 16 * 1024;

/// How long output is still read after the agent has ended: what left its group may hold the pipe open.
const OUTPUT_GRACE: Duration = Duration::from_millis(200);

/// How an agent ended by itself.
#[derive(Debug)]
pub(super) struct Ended {
    /// Its exit code; none if a signal ended it.
    pub(super) code: Option<i32>,
    signal: Option<i32>,
    /// The beginning of what it printed.
    pub(super) out: String,
    err: String,
}

impl Ended {
    /// Strikes the password from what the agent said.
    pub(super) fn forget(&mut self, password: &Secret) {
        for text in [&mut self.out, &mut self.err] {
            *text = text.replace(password.expose(), "(password)");
        }
    }
}

/// For example `ended with exit code 1, saying "Unable to connect/login to fencing device"`.
impl fmt::Display for Ended {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(out, "ended with exit code {code}")?,
            (None, signal) => write!(out, "was ended by signal {}", signal.unwrap_or_default())?,
        }
        // Agents tell the reason last, after the warnings of their interpreter.
        let said = if self.err.trim().is_empty() { &self.out } else { &self.err };
        match said.lines().rev().map(quoted).find(|line| !line.is_empty()) {
            Some(line) => write!(out, ", saying {line:?}"),
            None => out.write_str(", saying nothing"),
        }
    }
}

/// Runs `program` with `input`; errs if it does not end so early that it could be killed by `by`. When
/// this returns, nothing of its group is left.
pub(super) async fn run(
    program: &Path,
    action: &str,
    input: Zeroizing<String>,
    by: Instant,
) -> Result<Ended, Trouble> {
    let limit = left(by);
    if limit.is_zero() {
        return Err(Trouble::too_late(action));
    }
    let mut command = child::command(program);
    command.stdin(Stdio::piped());
    let started = Group::start(command, limit, Unattended::Ends).await;
    let group = started.map_err(|error| not_started(program, &error))?;
    let (mut out, mut err) = (Kept::default(), Kept::default());
    let status = attend(group, input, (&mut out, &mut err), by).await;
    let Some(status) = status else {
        let evidence = format!("{action} did not end within {}: killed", Span(limit));
        let remedy = "give it options that make it quicker, such as power_wait and login_timeout";
        return Err(Trouble::new(PowerErrorKind::Silent, evidence, remedy));
    };
    let status = status.map_err(|error| Trouble::local("waiting for the agent", error))?;
    let (code, signal) = (status.code(), status.signal());
    Ok(Ended { code, signal, out: out.text(), err: err.text() })
}

/// Tells the agent its lines and listens to it until it ends, or until it must be killed.
async fn attend(
    mut group: Group,
    input: Zeroizing<String>,
    (out, err): (&mut Kept, &mut Kept),
    by: Instant,
) -> Option<io::Result<ExitStatus>> {
    let child = group.child()?;
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let talk = async {
        tokio::join!(feed(pipes.0, input), gather(pipes.1, out), gather(pipes.2, err));
    };
    tokio::pin!(talk);
    let mut all_heard = false;
    let status = tokio::select! {
        status = group.wait(left(by)) => status,
        () = &mut talk => {
            all_heard = true;
            group.wait(left(by)).await
        }
    };
    if status.is_none() {
        group.end().await;
        return None;
    }
    group.kill().await;
    if !all_heard && timeout(OUTPUT_GRACE.min(left(by)), &mut talk).await.is_err() {
        log::debug!("the output of a fence agent is held open by another process");
    }
    status
}

/// The time for what must be over by `by` though it does not end by itself.
fn left(by: Instant) -> Duration {
    clock::now().until(by).saturating_sub(Group::END_MAX)
}

/// Writes the lines, then closes: an agent reads to the end. One that does not read is heard all the same.
async fn feed(to: Option<ChildStdin>, input: Zeroizing<String>) {
    let Some(mut to) = to else { return };
    if let Err(error) = to.write_all(input.as_bytes()).await {
        log::debug!("a fence agent did not read what it was told: {error}");
    }
}

async fn gather(from: Option<impl AsyncRead + Unpin>, kept: &mut Kept) {
    let Some(mut from) = from else { return };
    let mut block = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut block).await {
        kept.take(block.get(..length).unwrap_or_default());
    }
}

/// The beginning of an output.
#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    is_cut: bool,
}

impl Kept {
    fn take(&mut self, block: &[u8]) {
        let room = OUTPUT_MAX.saturating_sub(self.bytes.len()).min(block.len());
        self.bytes.extend_from_slice(block.get(..room).unwrap_or_default());
        self.is_cut |= room < block.len();
    }

    /// In whole lines: half a password would not be known for one.
    fn text(mut self) -> String {
        if self.is_cut {
            let end = self.bytes.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
            self.bytes.truncate(end);
        }
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

fn not_started(program: &Path, error: &io::Error) -> Trouble {
    let evidence = format!("{} was not started: {error}", program.display());
    let remedy = "install the package of that agent (fence-agents), or correct program";
    let trouble = Trouble::new(PowerErrorKind::BadConfig, evidence, remedy);
    // Whatever else it is may be over in a moment.
    let is_lasting =
        matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied);
    if is_lasting { trouble.definite() } else { trouble }
}
