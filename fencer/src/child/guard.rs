//! The guard of a process group: whatever ends this process, the group dies with it.
//!
//! A shell that leads the group and reads from a pipe which only this process holds open. When that end is
//! closed, by an exit or by any signal, the shell kills its group and with it itself. It names no other
//! process, so it can never meet a stranger. What has left the group for a session of its own is not reached.

use std::io::{self, PipeWriter, Read as _};
use std::process::Stdio;

use nix::unistd::Pid;
use tokio::process::Child;

use crate::tally::{Counted, Tally};

/// In the standard of every system that has fence agents.
const SHELL: &str = "/bin/sh";

/// Deaf to what the group is asked by; says one line when it stands.
const WATCH: &str = "trap '' HUP INT QUIT TERM; echo; read -r end; kill -KILL 0";

/// Guards that stand, in this process.
static STANDING: Tally = Tally::new();

/// A guard that stands. Dropped, it kills its group.
#[derive(Debug)]
pub(super) struct Guard {
    shell: Child,
    group: Pid,
    /// Closed last of all by whatever ends this process.
    _held: PipeWriter,
    _counted: Counted,
}

impl Guard {
    /// Starts one in a new group and waits until it stands, which may wait for a disk: not on the loop.
    /// Needs a tokio runtime.
    pub(super) fn start() -> io::Result<Self> {
        let counted = STANDING.one();
        let (line, held) = io::pipe()?;
        let (mut ready, say) = io::pipe()?;
        let mut command = super::command(SHELL);
        command.args(["-c", WATCH, "palisade-guard"]);
        command.stdin(line).stdout(say).stderr(Stdio::null());
        let shell = command.spawn()?;
        // With it goes our copy of its end of the pipe.
        drop(command);
        ready.read_exact(&mut [0])?;
        let group = shell.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        let group = group.ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self { shell, group, _held: held, _counted: counted })
    }

    /// The group that it leads: nobody else's while it has not gone.
    pub(super) const fn group(&self) -> Pid {
        self.group
    }

    /// Waits for its end, which its group's brings.
    pub(super) async fn gone(&mut self) -> io::Result<()> {
        self.shell.wait().await.map(drop)
    }
}

/// Until no guard stands any more.
pub(super) async fn none_stands() {
    STANDING.none_left().await;
}
