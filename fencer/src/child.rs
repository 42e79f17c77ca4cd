//! A child process in a process group of its own: started off the loop, with a clean environment and no signal
//! blocked, ended with its whole group; if so wished under a guard, so that the group ends with this process at the
//! latest.
//!
//! Never hands anything of this process's environment on, except a `PATH` which is fixed.

mod guard;
mod members;

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, killpg};
use nix::unistd::Pid;
use palisade_protocol::span::Span;
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::time::timeout;

use guard::Guard;

/// The only `PATH` that a child sees.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a child asked to end has to do so.
const MERCY: Duration = Duration::from_millis(350);

/// How long a killed group may take to go before we stop waiting for it.
const REAP_MAX: Duration = Duration::from_millis(150);

/// Time between two looks at a killed group.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What becomes of a child that nobody waits for any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unattended {
    /// Its group is asked to end, and killed within [`Group::END_MAX`]. If this process ends, however
    /// it does, the group is killed.
    Ends,
    /// Its group is killed.
    Dies,
    /// It goes on.
    GoesOn,
}

/// A child and its process group.
#[derive(Debug)]
pub(crate) struct Group {
    child: Option<Child>,
    /// Leads the group, where there is one; else the child does.
    guard: Option<Guard>,
    /// Where what it says arrives, held open until it has ended: asked to end it may say so, and must not die of that.
    heard: Vec<OwnedFd>,
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
    without_blocked_signals(&mut command);
    command
}

/// Has `command` start with no signal blocked, as programs expect: a mask is inherited, and with SIGPIPE in it, which
/// this process blocks, the front of a pipe that nobody reads would never end.
pub(crate) fn without_blocked_signals(command: &mut Command) {
    // SAFETY: between fork and exec nothing runs but sigprocmask(2), which is allowed there. [signal-safety(7)]
    #[expect(unsafe_code, reason = "only the child itself can do it without harm to this process")]
    unsafe {
        command.pre_exec(|| Ok(SigSet::empty().thread_set_mask()?));
    }
}

impl Group {
    /// The longest that [`Self::end`] takes.
    pub(crate) const END_MAX: Duration = MERCY.saturating_add(REAP_MAX);

    /// Starts `command` on a thread of its own, since `exec` may wait for a disk or a dead mount; errs
    /// if it was not started within `limit`, and if it then starts after all, it is killed.
    pub(crate) async fn start(
        command: Command,
        limit: Duration,
        unattended: Unattended,
    ) -> io::Result<Self> {
        let spawned = tokio::task::spawn_blocking(move || match unattended {
            Unattended::Ends => Self::guarded(command),
            Unattended::Dies | Unattended::GoesOn => Self::alone(command),
        });
        match timeout(limit, spawned).await {
            Ok(Ok(group)) => group.map(|group: Self| group.unattended(unattended)),
            Ok(Err(broken)) => Err(io::Error::other(broken)),
            Err(_late) => {
                Err(io::Error::new(io::ErrorKind::TimedOut, "not started within its limit"))
            }
        }
    }

    /// The guard first: at no instant is there a child without one.
    fn guarded(mut command: Command) -> io::Result<Self> {
        let guard = Guard::start()
            .map_err(|error| io::Error::other(format!("its guard, a shell, failed: {error}")))?;
        let child = command.process_group(guard.group().as_raw()).spawn()?;
        let outputs =
            [child.stdout.as_ref().map(AsFd::as_fd), child.stderr.as_ref().map(AsFd::as_fd)];
        let heard = outputs.into_iter().flatten().map(|output| output.try_clone_to_owned());
        let heard = heard.collect::<io::Result<_>>()?;
        Ok(Self { child: Some(child), guard: Some(guard), heard, unattended: Unattended::Dies })
    }

    fn alone(mut command: Command) -> io::Result<Self> {
        let child = Some(command.spawn()?);
        Ok(Self { child, guard: None, heard: Vec::new(), unattended: Unattended::Dies })
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

    /// Kills the whole group, or what a child that has ended left in it, and sees it gone.
    pub(crate) async fn kill(mut self) {
        let group = self.id();
        self.strike();
        let (mut child, mut guard) = (self.child.take(), self.guard.take());
        let gone = async {
            if let Some(child) = &mut child {
                child.wait().await?;
            }
            if let Some(guard) = &mut guard {
                guard.gone().await?;
            }
            empty(group).await;
            Ok::<(), io::Error>(())
        };
        // A killed process that sits in the kernel (a dead mount) is left to the runtime to reap.
        if timeout(REAP_MAX, gone).await.is_err() {
            log::warn!("a killed child has not gone within {}", Span(REAP_MAX));
        }
    }

    /// Asks the group to end, and kills what is left of it when the child has ended, or at the latest
    /// when its time is up.
    pub(crate) async fn end(mut self) {
        self.signal(Signal::SIGTERM);
        if self.wait(MERCY).await.is_none() {
            log::debug!("a child that was asked to end is killed");
        }
        self.kill().await;
    }

    const fn unattended(mut self, unattended: Unattended) -> Self {
        self.unattended = unattended;
        self
    }

    /// Cannot be another's group: its leader has not been waited for.
    fn id(&self) -> Option<Pid> {
        let leader = || Some(Pid::from_raw(self.child.as_ref()?.id()?.try_into().ok()?));
        self.guard.as_ref().map(Guard::group).or_else(leader)
    }

    /// A child may have left its group, as long as it does not lead it.
    fn strike(&mut self) {
        self.signal(Signal::SIGKILL);
        if let Some(Err(error)) = self.child.as_mut().map(Child::start_kill) {
            log::trace!("a child had ended before it was killed: {error}");
        }
    }

    fn signal(&self, signal: Signal) {
        let Some(group) = self.id() else { return };
        if let Err(error) = killpg(group, signal) {
            log::warn!("process group {group} did not get {signal}: {error}");
        }
    }
}

/// Also when its task is cancelled.
impl Drop for Group {
    fn drop(&mut self) {
        if self.child.is_none() && self.guard.is_none() {
            return;
        }
        match (self.unattended, Handle::try_current()) {
            (Unattended::Ends, Ok(runtime)) => {
                // If the runtime ends first, this task is dropped, and the group dies.
                let (child, guard) = (self.child.take(), self.guard.take());
                let heard = std::mem::take(&mut self.heard);
                let group = Self { child, guard, heard, unattended: Unattended::Dies };
                runtime.spawn(group.end());
            }
            (Unattended::GoesOn, _) => {}
            (Unattended::Ends | Unattended::Dies, _) => self.strike(),
        }
    }
}

/// Waits, at most for [`Group::END_MAX`], until no child is left that must not outlive this process: for
/// programs that are about to end. What is left then dies with them.
pub(crate) async fn farewell() {
    if timeout(Group::END_MAX, guard::none_stands()).await.is_err() {
        log::warn!("a child that was asked to end is left to its guard");
    }
}

/// Until no process of a killed group can act. If its id is another's by then, nobody is harmed by a look.
async fn empty(group: Option<Pid>) {
    let Some(group) = group else { return };
    while killpg(group, None) != Err(Errno::ESRCH) {
        // Orphans wait to be reaped by whom we know nothing about.
        let acts = tokio::task::spawn_blocking(move || members::any_acts(group)).await;
        if !acts.unwrap_or(false) {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
