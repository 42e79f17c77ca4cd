//! A running fencer beside the agent.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use nix::sys::signal::Signal;
use palisade_fencer::control::{Answer, Request, ask};
use palisade_fencer::status::{Stand, Status};
use palisade_host::clock;
use palisade_tests::ipmi_sim::{free_port_at, own_address};
use palisade_tests::programs::tested;
use tempfile::TempDir;

use super::cluster::written;
use super::rig::{AMPLE, ended_by, words};

/// Longer than a fencer looks away from a machine whose agent was killed.
const LONG: Duration = Duration::from_secs(60);

/// The only fencer of a cluster, on a node `keeper`; the others are its members, never heard.
pub(super) struct Keeper {
    folder: TempDir,
    running: Option<Child>,
}

impl Keeper {
    /// `nodes` are the others and where their BMCs are.
    pub(super) fn start(nodes: &[(&str, SocketAddr)]) -> Self {
        Self::start_with(nodes, "")
    }

    /// The same with more about the last of them.
    pub(super) fn start_with(nodes: &[(&str, SocketAddr)], last: &str) -> Self {
        let keeper = Self::begun(nodes, last);
        keeper.wait_until("it serves", |status| status.stand == Stand::Serving);
        keeper
    }

    /// The same, not waited for.
    pub(super) fn begun(nodes: &[(&str, SocketAddr)], last: &str) -> Self {
        let mut keeper = Self::written(nodes, last);
        keeper.run();
        keeper
    }

    /// The same, but that all nodes after the first of `nodes` have fencers too, and these do not run.
    pub(super) fn start_alone(nodes: &[(&str, SocketAddr)]) -> Self {
        let mut keeper = Self::written(nodes, "");
        let file = keeper.path("palisade.toml");
        let text = fs::read_to_string(&file).unwrap();
        let (before, after) = text.split_once("fencer = false\n").unwrap();
        let after = after.replace("fencer = false\n", "");
        fs::write(&file, format!("{before}fencer = false\n{after}")).unwrap();
        keeper.run();
        keeper.wait_until("it answers", |_| true);
        keeper
    }

    fn written(nodes: &[(&str, SocketAddr)], last: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().display();
        let more = format!(
            "[agent]\nkey_file = \"{place}/{{node}}.key\"\nstate_dir = \"{place}/agent\"\n\
             journal = \"{place}/agent.jsonl\"\ncontrol_socket = \"{place}/agent.sock\"\n\
             realtime = false\n[fencer]\nkey_file = \"{place}/{{node}}.key\"\n\
             state_dir = \"{place}/state\"\njournal = \"{place}/journal\"\n\
             control_socket = \"{place}/fencer.sock\"\n"
        );
        let nobody = free_port_at(own_address());
        let mut all = vec![("keeper", nobody)];
        all.extend(nodes);
        let file = written(folder.path(), &all, &more);
        // Several such clusters run at once.
        let mut text = fs::read_to_string(&file).unwrap();
        for (id, role) in [(1, "fencer"), (2, "agent")] {
            let port = free_port_at(Ipv4Addr::new(127, 79, 0, id)).port();
            let (line, more) = (format!("id = {id}\n"), format!("{role}_port = {port}\n"));
            text = text.replacen(&line, &format!("{line}{more}"), 1);
        }
        fs::write(&file, text + last).unwrap();
        Self { folder, running: None }
    }

    pub(super) fn run(&mut self) {
        static FENCER: OnceLock<PathBuf> = OnceLock::new();
        let fencer = FENCER.get_or_init(|| tested("palisade-fencer", "palisade-fencer").unwrap());
        let mut command = Command::new(fencer);
        command.args(["--node", "keeper", "--config"]).arg(self.path("palisade.toml"));
        self.running = Some(self.daemon(command));
    }

    /// Starts a daemon whose words go to the log.
    pub(super) fn daemon(&self, mut command: Command) -> Child {
        let log = File::options().append(true).create(true).open(self.path("log")).unwrap();
        command.stdin(Stdio::null()).stderr(log).spawn().unwrap()
    }

    pub(super) fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.kill().and_then(|()| running.wait()).unwrap();
        }
    }

    /// Tells it to end, and how it ended.
    pub(super) fn stop(&mut self) -> ExitStatus {
        let mut running = self.running.take().unwrap();
        ended_by(&mut running, Signal::SIGTERM)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn status(&self) -> Option<Status> {
        let answer = ask(&self.path("fencer.sock"), &Request::Status, AMPLE);
        if let Ok(Answer::Status(status)) = answer { Some(*status) } else { None }
    }

    pub(super) fn wait_until(&self, what: &str, holds: impl Fn(&Status) -> bool) {
        let by = clock::now() + LONG;
        while !self.status().is_some_and(|status| holds(&status)) {
            let log = fs::read_to_string(self.path("log")).unwrap_or_default();
            assert!(clock::now() < by, "never: {what}; {:?}\n{log}", self.status());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// The options that name a node by this cluster's configuration, and its fencer.
    pub(super) fn options(&self, more: &str) -> Vec<String> {
        words(&format!(
            "config={} fencer_socket={} {more}",
            self.path("palisade.toml").display(),
            self.path("fencer.sock").display()
        ))
    }

    pub(super) fn journal(&self) -> String {
        fs::read_to_string(self.path("journal")).unwrap_or_default()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.kill();
    }
}
