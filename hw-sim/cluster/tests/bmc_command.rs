//! `palisade-sim bmc` as people and scripts use it: its options, its faults, its log of the truth.
#![cfg(test)]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use palisade_host::clock;
use palisade_hw::truth::{Fact, Line};
use palisade_protocol::time::Duration;
use tempfile::TempDir;

/// Longer than any step here takes, even on a busy machine.
const WAIT: Duration = Duration::from_secs(60);

/// A folder with a password, and what the command needs of it.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(TempDir::new().unwrap());
        let password = desk.file("pw", "correct horse 12\n");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(password, private).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    fn command(&self, listen: &str, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_palisade-sim"));
        command.args(["bmc", "--user", "palisade", "--listen", listen, "--password-file"]);
        command.arg(self.path("pw")).args(words.split_whitespace()).current_dir(self.0.path());
        command
    }

    fn truth(&self) -> Vec<Line> {
        let text = self.read("truth");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Waits until a file has so many lines.
    fn wait_for_lines(&self, name: &str, count: usize) {
        let by = clock::now() + WAIT;
        while self.read(name).matches('\n').count() < count {
            assert!(clock::now() < by, "{name} has {}", self.read(name));
            std::thread::yield_now();
        }
    }
}

/// A running simulator and the line that it began with.
struct Running(Child, String);

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self(child, line)
    }

    fn stop(mut self) {
        kill(Pid::from_raw(self.0.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

#[test]
fn a_schedule_strikes_the_machine_that_it_names_when_it_says() {
    let desk = Desk::new();
    desk.file("bad-day", "# machine 2 loses its mains for a moment\n100 node=2 ac-loss=0.1\n");
    let words = "--count 3 --restore always-on --schedule bad-day --truth truth";
    let running = Running::start(desk.command("127.33.0.1:6230", words));
    assert_eq!(running.1.trim(), "listening on 127.33.0.1:6230 to 127.33.0.3:6230");
    // Its six first lines, then mains and machine lost and back.
    desk.wait_for_lines("truth", 10);
    running.stop();
    let lines = desk.truth();
    let later: Vec<_> = lines[6..].iter().map(|line| (line.fact, line.is)).collect();
    assert!(lines[6..].iter().all(|line| line.node == "127.33.0.2:6230"), "{lines:?}");
    let expected = [
        (Fact::Powered, false),
        (Fact::BmcAlive, false),
        (Fact::BmcAlive, true),
        (Fact::Powered, true),
    ];
    assert_eq!(later, expected);
    assert!(lines[6].t_ns - lines[0].t_ns >= 100_000_000);
}

#[test]
fn a_machine_of_qemu_is_started_by_the_hook_and_waited_for() {
    let desk = Desk::new();
    let hook = desk.file("hook", "#!/bin/sh\necho \"$1 $PALISADE_BMC\" >> called\n");
    fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let words = "--qemu 127.0.0.1:0 --on-power ./hook --truth truth";
    let running = Running::start(desk.command("127.33.1.1:6230", words));
    assert!(running.1.contains(", virtual machine on 127.0.0.1:"), "{}", running.1);
    desk.wait_for_lines("called", 1);
    running.stop();
    assert_eq!(desk.read("called"), "on 127.33.1.1:6230\n");
    assert!(!desk.truth()[1].is, "off until it is there");
}

#[test]
fn ten_thousand_bmcs_listen_at_once_and_cost_little() {
    let desk = Desk::new();
    let running = Running::start(desk.command("127.34.0.1:6230", "--count 10000"));
    assert_eq!(running.1.trim(), "listening on 127.34.0.1:6230 to 127.34.39.16:6230");
    let mut status = String::new();
    let mut file = fs::File::open(format!("/proc/{}/status", running.0.id())).unwrap();
    file.read_to_string(&mut status).unwrap();
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kib: u64 = rss.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kib < 100_000, "{kib} KiB");
    running.stop();
}

#[test]
fn a_mistake_is_told_with_its_place_and_nothing_is_served() {
    let desk = Desk::new();
    desk.file("wrong", "hang\n5000 node=1 hung\n");
    for (words, told) in [
        ("--schedule wrong", "line 2: fault \"hung\""),
        ("--schedule missing", "--schedule missing: "),
        ("--fault 2:hang", "a fault is for BMC 2, and there are 1"),
        ("--fault hung", "--help faults"),
        ("--guid 1", "32 hex digits"),
        ("--qemu 192.0.2.1:9", "192.0.2.1:9"),
    ] {
        let output = desk.command("127.33.2.1:0", words).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{words}: {}", said(&output));
        assert!(said(&output).contains(told), "{words}: {}", said(&output));
    }
}

#[test]
fn the_faults_are_told_by_help() {
    let output = Desk::new().command("127.33.3.1:0", "--help faults").output().unwrap();
    assert!(output.status.success());
    assert!(said(&output).contains("\n  acpi-off[=SECONDS]"), "{}", said(&output));
}
