//! A child process in a process group of its own: started off the loop, with a clean environment, ended
//! with its whole group.
//!
//! Never hands anything of this process's environment on, except a `PATH` which is fixed.

use std::ffi::OsStr;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// The only `PATH` that a child sees.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How long a killed child may take to go before we stop waiting for it.
const REAP_MAX: Duration = Duration::from_secs(1);

/// Time between two looks at a child that was asked to end.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What becomes of a child that nobody waits for any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unattended {
    /// Its group is asked to end, and killed after the time that [`Group::MERCY`] says.
    Ends,
    /// Its group is killed.
    Dies,
    /// It goes on.
    GoesOn,
}

/// A child and the process group that it leads.
#[derive(Debug)]
pub(crate) struct Group {
    child: Option<Child>,
    unattended: Unattended,
}

/// A command with a clean environment, in `/`, in a group of its own, its output to be read by us.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", PATH)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    command
}

impl Group {
    /// What a child asked to end has to do so.
    pub(crate) const MERCY: Duration = Duration::from_millis(500);

    /// Starts `command` on a thread of its own, since `exec` may wait for a disk or a dead mount; errs
    /// if it was not started within `limit`, and if it then starts after all, it is killed.
    pub(crate) async fn start(
        mut command: Command,
        limit: Duration,
        unattended: Unattended,
    ) -> io::Result<Self> {
        let spawned = tokio::task::spawn_blocking(move || {
            let child = Some(command.spawn()?);
            Ok(Self { child, unattended: Unattended::Dies })
        });
        match timeout(limit, spawned).await {
            Ok(Ok(group)) => group.map(|group: Self| group.unattended(unattended)),
            Ok(Err(broken)) => Err(io::Error::other(broken)),
            Err(_late) => {
                Err(io::Error::new(io::ErrorKind::TimedOut, "not started within its limit"))
            }
        }
    }

    /// The child, for its pipes; none after the end.
    pub(crate) const fn child(&mut self) -> Option<&mut Child> {
        self.child.as_mut()
    }

    /// Waits for the child's end; none if it does not come within `limit`.
    pub(crate) async fn wait(&mut self, limit: Duration) -> Option<io::Result<ExitStatus>> {
        let child = self.child.as_mut()?;
        timeout(limit, child.wait()).await.ok()
    }

    /// Kills the whole group.
    pub(crate) async fn kill(mut self) {
        let Some(mut child) = self.child.take() else { return };
        signal(&child, Signal::SIGKILL);
        // A killed process that sits in the kernel (a dead mount) is left to the runtime to reap.
        if timeout(REAP_MAX, child.wait()).await.is_err() {
            log::warn!("a killed child has not gone within {} ms", REAP_MAX.as_millis());
        }
    }

    /// Asks the group to end, and kills what is left of it after [`Group::MERCY`].
    async fn end(self) {
        if let Some(child) = &self.child {
            signal(child, Signal::SIGTERM);
            // Seen, not reaped: while its leader is not reaped, the group's id cannot be another's.
            if timeout(Self::MERCY, ended(child)).await.is_err() {
                log::debug!("a child that was asked to end is killed");
            }
        }
        self.kill().await;
    }

    const fn unattended(mut self, unattended: Unattended) -> Self {
        self.unattended = unattended;
        self
    }
}

/// Also when its task is cancelled.
impl Drop for Group {
    fn drop(&mut self) {
        let Some(child) = self.child.take().filter(|child| child.id().is_some()) else { return };
        match (self.unattended, Handle::try_current()) {
            (Unattended::GoesOn, _) => {}
            (Unattended::Ends, Ok(runtime)) => {
                // If the runtime ends first, this task is dropped, and the group dies.
                let group = Self { child: Some(child), unattended: Unattended::Dies };
                runtime.spawn(group.end());
            }
            (Unattended::Ends | Unattended::Dies, _) => signal(&child, Signal::SIGKILL),
        }
    }
}

/// Signals the group of a child that nobody has waited for yet, so that the id cannot be another's.
fn signal(child: &Child, signal: Signal) {
    let Some(Ok(id)) = child.id().map(i32::try_from) else { return };
    if let Err(error) = killpg(Pid::from_raw(id), signal) {
        log::warn!("process group {id} did not get {signal}: {error}");
    }
}

/// Until the child has ended; leaves it to be reaped.
async fn ended(child: &Child) {
    let Some(Ok(id)) = child.id().map(i32::try_from) else { return };
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    while matches!(waitid(Id::Pid(Pid::from_raw(id)), flags), Ok(WaitStatus::StillAlive)) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
