//! Stories of hooks, with real processes.

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use palisade_fencer_core::{
    DurableState, Effects, FencerConfig, FencerCore, Input, MemberConfig, Memory, Proof,
};
use palisade_host::config::Hooks;
use palisade_protocol::ids::{BootId, LinkId, NodeId, Peer, Seq, Start};
use palisade_protocol::time::Instant;
use palisade_protocol::timing::{Timing, TimingRaw};
use palisade_protocol::wire::{Body, Echo, Frame, Renew};
use tempfile::TempDir;
use tokio::time::timeout;

use super::*;

/// Longer than anything here takes unless it is broken.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_hook_is_told_everything_and_inherits_nothing() {
    let place = Place::new();
    let seen = place.path("seen");
    let hook = place.script(&format!("env > {}", seen.display()));
    assert_eq!(place.run(&hook, PATIENCE), Outcome::Done);
    let seen = fs::read_to_string(seen).unwrap();
    for expected in [
        "PALISADE_EVENT=lost",
        "PALISADE_CLUSTER=pair",
        "PALISADE_NODE=node1",
        "PALISADE_TARGET=node3",
        "PALISADE_REASON=silent for 301 ms",
        "PALISADE_AT_NS=17",
        "PATH=/usr/local/sbin:",
    ] {
        assert!(seen.contains(expected), "{expected} is not in {seen}");
    }
    assert!(!seen.contains("CARGO"), "{seen}");
}

#[test]
fn a_hook_past_its_limit_is_killed_with_all_it_started() {
    let place = Place::new();
    let held = place.fifo("held");
    let hook = place.script(&format!("exec 3>{}\nsleep 1000 &\nsleep 1000", held.display()));
    // The reading ends when the last process that holds the pipe open is gone.
    let gone = std::thread::spawn(move || fs::read(held));
    let limit = Duration::from_millis(500);
    assert_eq!(place.run(&hook, limit), Outcome::TooLong(limit));
    assert_eq!(gone.join().unwrap().unwrap(), b"");
}

#[test]
fn the_loop_goes_on_while_a_hook_runs() {
    let place = Place::new();
    let gate = place.fifo("gate");
    let hook = place.script(&format!("read word < {}\ntest \"$word\" = go", gate.display()));
    let report = on_loop(async {
        let mut running = Running::default();
        running.start(place.call(&hook, PATIENCE));
        assert_eq!(running.count(), 1);
        // This hook can only end because we got here.
        tokio::task::spawn_blocking(move || fs::write(gate, "go\n")).await.unwrap().unwrap();
        running.next().await
    });
    assert_eq!((report.occasion, report.target.as_str()), (Occasion::Lost, "node3"));
    assert_eq!(report.outcome, Outcome::Done);
}

#[test]
fn a_daemon_left_behind_by_a_hook_does_not_hold_its_report() {
    let place = Place::new();
    let pid = place.path("pid");
    let hook = place.script(&format!("sleep 1000 & echo $! > {}", pid.display()));
    assert_eq!(place.run(&hook, PATIENCE), Outcome::Done);
    let pid = fs::read_to_string(pid).unwrap().trim().parse().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::SIGKILL).unwrap();
}

#[test]
fn a_hook_that_floods_its_output_still_ends() {
    let place = Place::new();
    let hook = place.script("head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2");
    assert_eq!(place.run(&hook, PATIENCE), Outcome::Done);
}

#[test]
fn a_failing_hook_is_reported_with_its_code() {
    let place = Place::new();
    assert_eq!(place.run(&place.script("exit 3"), PATIENCE), Outcome::Exited(3));
    assert_eq!(place.run(&place.script("kill -9 $$"), PATIENCE), Outcome::Signalled(9));
}

#[test]
fn a_missing_hook_is_reported_with_the_setting_to_correct() {
    let place = Place::new();
    let Outcome::NotStarted(why) = place.run(&place.path("nowhere"), PATIENCE) else {
        panic!("a program that is not there was started")
    };
    assert!(why.contains("nowhere") && why.contains("hooks.on_lost"), "{why}");
}

#[test]
fn the_hook_that_promotes_is_called_with_a_proof_and_told_which() {
    let place = Place::new();
    let seen = place.path("seen");
    let hook = place.script(&format!("env > {}", seen.display()));
    let mut setting = place.setting(None, PATIENCE);
    assert!(setting.fenced(proof(), "node2", "smoke").is_none(), "no program, no call");
    setting.programs.on_fenced = Some(hook);
    let call = setting.fenced(proof(), "node2", "two\nlines").unwrap();
    assert_eq!(call.occasion(), Occasion::Fenced);
    assert_eq!(on_loop(process::run(&call)), Outcome::Done);
    let seen = fs::read_to_string(seen).unwrap();
    for expected in [
        "PALISADE_EVENT=fenced\n",
        "PALISADE_TARGET=node2\n",
        "PALISADE_PROOF=operator: confirmed by a human\n",
        "PALISADE_REASON=two lines\n",
    ] {
        assert!(seen.contains(expected), "{expected} is not in {seen}");
    }
}

#[test]
fn without_a_program_there_is_no_call() {
    let place = Place::new();
    let setting = place.setting(None, PATIENCE);
    assert!(setting.lost("node3", "silent", Instant::BOOT).is_none());
}

/// A folder with the hooks of one test.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn fifo(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        mkfifo(&path, Mode::S_IRWXU).unwrap();
        path
    }

    /// An executable script; copied by another process, so that nobody here has it open for writing.
    fn script(&self, body: &str) -> PathBuf {
        let (text, path) = (self.path("text"), self.path("hook"));
        fs::write(&text, format!("#!/bin/sh\n{body}\n")).unwrap();
        let copied = Command::new("install").args(["-m", "755"]).args([&text, &path]).status();
        assert!(copied.unwrap().success());
        path
    }

    fn setting(&self, on_lost: Option<&Path>, limit: Duration) -> Setting {
        let programs = Hooks {
            on_lost: on_lost.map(Path::to_owned),
            on_fenced: None,
            on_failed: None,
            on_rejoined: None,
            timeout: limit,
        };
        Setting { cluster: "pair".into(), node: "node1".into(), programs }
    }

    fn call(&self, hook: &Path, limit: Duration) -> Call {
        let setting = self.setting(Some(hook), limit);
        setting.lost("node3", "silent for 301 ms", Instant::from_nanos(17)).unwrap()
    }

    fn run(&self, hook: &Path, limit: Duration) -> Outcome {
        on_loop(process::run(&self.call(hook, limit)))
    }
}

/// A proof, which only a core can write: the one voter of a cluster hears node 2, then for a second nothing,
/// and a human confirms that it is dead.
fn proof() -> Proof {
    let (one, two) = (NodeId::new(1).unwrap(), NodeId::new(2).unwrap());
    let mut core =
        FencerCore::new(config(one, two), at(0), Memory::Recalled(DurableState::default()));
    let mut frame = Frame {
        src: Peer::member(two),
        link: LinkId::new(0).unwrap(),
        boot: BootId(7),
        start: Start::new(7),
        seq: Seq(1),
        echo: None,
        body: Body::Renew(Renew::default()),
    };
    let mut effects = Effects::default();
    core.handle(at(5_000), Input::Heard(frame), &mut effects);
    let hello = effects.posts[0];
    frame.echo = Some(Echo { start: Start::new(1), seq: hello.seq });
    frame.seq = Seq(2);
    core.handle(at(5_001), Input::Heard(frame), &mut effects);
    let mut proofs = Vec::new();
    let mut input = Input::Confirm { target: two };
    for step in 1..100 {
        core.handle(at(6_000 + 10 * step), input, &mut effects);
        proofs.extend(core::mem::take(&mut effects.proofs));
        let written = effects.persist.take().map(|state| Input::Durable { version: state.version });
        input = written.unwrap_or(Input::Tick);
    }
    proofs.pop().expect("the core proves what its one voter agrees to")
}

fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

fn config(me: NodeId, member: NodeId) -> FencerConfig {
    let ms = Duration::from_millis;
    let raw = TimingRaw { promise: ms(1_600), ..TimingRaw::LAN_FAST };
    let member = MemberConfig { node: member, has_power_device: false, fire: ms(1_000) };
    FencerConfig {
        me,
        start: Start::new(1),
        voters: [me].into_iter().collect(),
        members: [member].into_iter().collect(),
        timing: Timing::new(raw, ms(1_000)).unwrap(),
        power_on: true,
        fences_per_hour_max: 3,
        fences_at_once_max: 1,
        digest: 0,
    }
}

/// The result of `story` on a loop like the daemon's.
fn on_loop<T>(story: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let told = runtime.block_on(async { timeout(PATIENCE, story).await });
    runtime.shutdown_background();
    told.expect("the story did not end")
}
