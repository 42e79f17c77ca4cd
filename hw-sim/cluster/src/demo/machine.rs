//! The processes of one simulated machine: an agent and a fencer, real ones, that die with it.
//!
//! Starts, signals and reaps exactly the processes it started; knows nothing of power.

use super::layout::Files;
use super::node::Node;
use crate::child::DEMO_PID;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

/// A daemon of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// `palisade-agent`.
    Agent,
    /// `palisade-fencer`.
    Fencer,
}

impl Role {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Agent, Self::Fencer];

    /// The hidden subcommand that runs it, and the stem of its files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Fencer => "fencer",
        }
    }
}

/// One machine's processes.
#[derive(Debug)]
pub struct Machine {
    node: Node,
    files: Files,
    running: BTreeMap<Role, Child>,
    restarting: BTreeSet<Role>,
}

/// A daemon that ended although nobody killed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Which.
    pub role: Role,
    /// How, for a reader.
    pub how: String,
    /// Whether it was asked to, and is to be started again.
    pub expected: bool,
}

impl Machine {
    /// A machine on which nothing runs.
    pub const fn new(node: Node, files: Files) -> Self {
        Self { node, files, running: BTreeMap::new(), restarting: BTreeSet::new() }
    }

    /// Starts a daemon unless it runs. Its output goes to a file beside its journal.
    ///
    /// Errs when this program cannot be started again.
    pub fn start(&mut self, role: Role) -> io::Result<()> {
        if !self.running.contains_key(&role) {
            let child = self.command(role)?.spawn()?;
            self.running.insert(role, child);
        }
        Ok(())
    }

    /// Everything dies (SIGKILL), children of the daemons too; returns when the daemons have.
    pub fn kill_all(&mut self) {
        for role in Role::ALL {
            if let Some(group) = self.pid(role) {
                // The group has its daemon's number, which is ours until it is reaped.
                killpg(group, Signal::SIGKILL).unwrap_or_default();
            }
            self.kill(role);
        }
    }

    /// One daemon dies (SIGKILL); returns when it has.
    pub fn kill(&mut self, role: Role) {
        self.restarting.remove(&role);
        if let Some(mut child) = self.running.remove(&role) {
            // Both err only when the child is already gone.
            child.kill().unwrap_or_default();
            child.wait().map(drop).unwrap_or_default();
        }
    }

    /// Sends `signal` to a daemon; nothing happens if it does not run.
    pub fn signal(&self, role: Role, signal: Signal) {
        if let Some(pid) = self.pid(role) {
            // A child that has ended is reaped soon: there is nobody to tell.
            kill(pid, signal).unwrap_or_default();
        }
    }

    /// Asks a daemon to stop (SIGTERM); its [`Exit`] will say that it is to be started again.
    pub fn restart(&mut self, role: Role) {
        self.restarting.insert(role);
        self.signal(role, Signal::SIGTERM);
    }

    /// Daemons that ended by themselves since the last call.
    pub fn reap(&mut self) -> Vec<Exit> {
        let mut exits = Vec::new();
        self.running.retain(|role, child| match child.try_wait() {
            Ok(Some(status)) => {
                let expected = self.restarting.remove(role);
                let how = format!("{}{}", told(status), last_words(&self.files, self.node, *role));
                exits.push(Exit { role: *role, how, expected });
                false
            }
            Ok(None) | Err(_) => true,
        });
        exits
    }

    fn pid(&self, role: Role) -> Option<Pid> {
        let child = self.running.get(&role)?;
        i32::try_from(child.id()).ok().map(Pid::from_raw)
    }

    fn command(&self, role: Role) -> io::Result<Command> {
        let log = log_of(&self.files, self.node, role);
        let log = File::options().create(true).append(true).open(log)?;
        let mut command = Command::new("/proc/self/exe");
        command.arg0(format!("palisade-{}", role.name()));
        command.arg(role.name()).arg("--config").arg(self.files.config());
        command.arg("--node").arg(self.node.name());
        command.env(DEMO_PID, std::process::id().to_string());
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        Ok(command)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.kill_all();
    }
}

fn log_of(files: &Files, node: Node, role: Role) -> PathBuf {
    files.file(node, &format!("{}.log", role.name()))
}

/// The last line of a daemon's output; it usually says why it ended.
fn last_words(files: &Files, node: Node, role: Role) -> String {
    let log = std::fs::read_to_string(log_of(files, node, role)).unwrap_or_default();
    log.lines().last().map_or_else(String::new, |line| format!(": {line}"))
}

fn told(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "no status".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_of_an_exit_names_code_or_signal() {
        assert_eq!(told(ExitStatus::from_raw(2 << 8)), "exit status 2");
        assert_eq!(told(ExitStatus::from_raw(9)), "signal 9");
    }

    #[test]
    fn a_machine_without_processes_can_be_killed_and_signalled() {
        let mut machine = Machine::new(Node::OWNER, Files::below("/nonexistent".into()));
        machine.kill_all();
        machine.signal(Role::Agent, Signal::SIGSTOP);
        assert_eq!(machine.reap(), []);
        assert!(machine.start(Role::Agent).is_err(), "there is no directory for its log");
    }
}
