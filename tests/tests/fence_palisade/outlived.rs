//! Nothing that the agent, or a fencer, started for power outlives it: not another fence agent that is deaf, nor what
//! that one left behind, and by whatever the agent itself ends.
//!
//! Those that it should have ended end by themselves within a minute.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus};

use nix::sys::signal::Signal;
use palisade_host::clock;

use super::keeper::Keeper;
use super::levels::{Alpha, Script};
use super::rig::{AMPLE, assert_fails, code, ended_by, free_port, stderr};

/// Told to order off, it notes its processes and goes on, whoever asks it to end.
const DEAF: &str = "[ $action = off ] || exit 0\ntrap 'echo yes >asked' TERM\nsleep 60 &\n\
    echo $$ $! >noted && mv noted processes\nfor i in {1..1200}; do sleep 0.05; done";

/// An agent with one fence agent to ask, which is [`DEAF`].
struct Held {
    script: Script,
    alpha: Alpha,
}

impl Held {
    fn new() -> Self {
        let script = Script::new(DEAF);
        let alpha = Alpha::without_bmc(&script.level());
        Self { script, alpha }
    }

    /// Our agent while the other one orders off.
    fn begun(&self) -> Child {
        let agent = self.alpha.start_off();
        wait_until("the order is under way", || self.script.path("processes").exists());
        assert_eq!(alive(&self.script).len(), 2);
        agent
    }

    fn ended_by(&self, signal: Signal) -> ExitStatus {
        let mut agent = self.begun();
        ended_by(&mut agent, signal)
    }

    fn was_asked(&self) -> bool {
        self.script.path("asked").exists()
    }
}

/// Which of the noted processes can still act.
fn alive(script: &Script) -> Vec<u32> {
    let noted = fs::read_to_string(script.path("processes")).unwrap();
    let ids = noted.split_whitespace().map(|id| id.parse().unwrap());
    ids.filter(|id| can_act(*id)).collect()
}

fn assert_none_alive(script: &Script) {
    let left = alive(script);
    assert!(left.is_empty(), "still there: {left:?}");
}

/// A process that is there and not only waits to be reaped.
fn can_act(id: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains(['Z', 'X']))
}

pub(super) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let by = clock::now() + AMPLE;
    while !is_so() {
        assert!(clock::now() < by, "waited in vain: {what}");
        std::thread::park_timeout(std::time::Duration::from_millis(5));
    }
}

#[test]
fn a_deaf_agent_past_its_deadline_is_dead_before_failure_is_told() {
    let held = Held::new();
    let output = held.alpha.ask("plug=alpha power_timeout=1 action=off");
    assert_fails(&output, "off did not end within");
    assert!(held.was_asked(), "it was asked first");
    assert_none_alive(&held.script);
}

#[test]
fn told_to_end_it_ends_its_agents_first_and_then_itself_by_that_signal() {
    let held = Held::new();
    let ended = held.ended_by(Signal::SIGTERM);
    assert_none_alive(&held.script);
    assert_eq!(ended.signal(), Some(15), "{ended:?}");
    assert!(held.was_asked());
}

/// A cluster manager ends agents by SIGKILL, of which they learn nothing, and a terminal by SIGINT.
#[test]
fn ended_unawares_it_takes_its_agents_with_it() {
    for signal in [Signal::SIGKILL, Signal::SIGINT] {
        let held = Held::new();
        assert_eq!(held.ended_by(signal).signal(), Some(signal as i32));
        wait_until("all are dead", || alive(&held.script).is_empty());
    }
}

#[test]
fn a_fencer_ended_unawares_takes_its_agents_with_it() {
    let script = Script::new(&DEAF.replace("off", "status"));
    let mut keeper = Keeper::begun(&[("alpha", free_port())], &script.level());
    wait_until("it looks at the power", || script.path("processes").exists());
    assert_eq!(alive(&script).len(), 2);
    keeper.kill();
    wait_until("all are dead", || alive(&script).is_empty());
}

#[test]
fn what_a_finished_agent_left_running_is_dead_before_success_is_told() {
    let script = Script::new(
        "[ $action = status ] && exit 2\nsleep 60 &\necho $! >processes\n[ $action = off ]",
    );
    let output = Alpha::without_bmc(&script.level()).ask("plug=alpha action=off");
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    assert_none_alive(&script);
}
