//! What the daemons cost a node: resident memory, threads, wake-ups and processor time.
//!
//! `cargo bench -p palisade-tests --bench footprint [-- SECONDS]`. Plays the demo's `one-link` (no
//! node is fenced), which then stays up, and watches its six daemons through `/proc`, by default
//! for ten seconds. Prints; judges nothing.
#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;
use std::{env, fs, thread};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use palisade_host::clock;
use palisade_tests::programs;
use tempfile::TempDir;

type Failure = Box<dyn Error>;

/// The demo's own time, and that of a slow machine.
const DEMO_MAX: Duration = Duration::from_secs(60);

fn main() -> Result<(), Failure> {
    let seconds = env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(10);
    let demo = Demo::start()?;
    let daemons = demo.daemons()?;
    let (began, before) = (clock::now(), daemons.iter().map(Reading::of).collect::<Vec<_>>());
    demo.wait(Duration::from_secs(seconds))?;
    let took = clock::now().since(began).as_secs_f64();
    println!("daemons of a healthy cluster of three, over {took:.1} s");
    for (daemon, before) in daemons.iter().zip(before) {
        println!("{:<14} {}", daemon.name, Reading::of(daemon)?.compared(&before?, took));
    }
    Ok(())
}

/// A demo that stays up; ended, with its files, when dropped.
struct Demo {
    child: Child,
    said: Receiver<String>,
    _files: TempDir,
}

/// One process of a simulated node.
struct Daemon {
    name: String,
    pid: u32,
}

impl Demo {
    fn start() -> Result<Self, Failure> {
        let files = tempfile::tempdir()?;
        let mut command = Command::new(programs::released("palisade-sim", "palisade-sim")?);
        command.args(["demo", "--scenario", "one-link", "--json", "--keep"]);
        command.env("TMPDIR", files.path()).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let said = lines(&mut child)?;
        let demo = Self { child, said, _files: files };
        demo.played()?;
        Ok(demo)
    }

    /// Waits until the scenario is over and all is quiet.
    fn played(&self) -> Result<(), Failure> {
        let last = self.said.recv_timeout(DEMO_MAX).map_err(|_| "the demo comes to no end")?;
        if last.contains("\"ok\":true") { Ok(()) } else { Err(last.into()) }
    }

    /// Lets time pass, unless the demo ends.
    fn wait(&self, span: Duration) -> Result<(), Failure> {
        match self.said.recv_timeout(span) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Ok(line) => Err(format!("the demo did not stay up: {line}").into()),
            Err(RecvTimeoutError::Disconnected) => Err("the demo did not stay up".into()),
        }
    }

    /// The agents and fencers that the demo has started.
    fn daemons(&self) -> Result<Vec<Daemon>, Failure> {
        let mut found = Vec::new();
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let children = fs::read_to_string(task?.path().join("children"))?;
            found.extend(
                children.split_whitespace().filter_map(|pid| Daemon::named(pid.parse().ok()?)),
            );
        }
        found.sort_unstable_by(|one: &Daemon, other| one.name.cmp(&other.name));
        if found.is_empty() { Err("the demo has no daemons".into()) } else { Ok(found) }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if let Ok(pid) = i32::try_from(self.child.id()) {
            // It may have ended already.
            kill(Pid::from_raw(pid), Signal::SIGINT).unwrap_or_default();
        }
        self.child.wait().map(drop).unwrap_or_default();
    }
}

impl Daemon {
    /// The daemon with that number: its command line is `… agent --config … --node node1`.
    fn named(pid: u32) -> Option<Self> {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        let words: Vec<&str> = line.split('\0').filter(|word| !word.is_empty()).collect();
        let (role, node) = (words.get(1)?, words.last()?);
        Some(Self { name: format!("{role} {node}"), pid })
    }
}

/// What `/proc` says of a process now.
struct Reading {
    resident_kib: u64,
    locked_kib: u64,
    threads: u64,
    wakeups: u64,
    ran_ns: u64,
}

impl Reading {
    fn of(daemon: &Daemon) -> Result<Self, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid))?;
        let mut reading = Self {
            resident_kib: field(&status, "VmRSS:").ok_or("no VmRSS")?,
            locked_kib: field(&status, "VmLck:").ok_or("no VmLck")?,
            threads: field(&status, "Threads:").ok_or("no Threads")?,
            wakeups: 0,
            ran_ns: 0,
        };
        for task in fs::read_dir(format!("/proc/{}/task", daemon.pid))? {
            reading.add_thread(&task?.path())?;
        }
        Ok(reading)
    }

    /// A thread that gave the processor up of itself has been woken as often.
    fn add_thread(&mut self, task: &std::path::Path) -> Result<(), Failure> {
        let status = fs::read_to_string(task.join("status"))?;
        self.wakeups += field(&status, "voluntary_ctxt_switches:").unwrap_or(0);
        let ran = fs::read_to_string(task.join("schedstat"))?;
        self.ran_ns += ran.split(' ').next().map_or(Ok(0), str::parse)?;
        Ok(())
    }

    fn compared(&self, before: &Self, seconds: f64) -> String {
        let per_second = |now: u64, then: u64| now.saturating_sub(then) as f64 / seconds;
        format!(
            "resident {:>6} KiB   locked {:>6} KiB   threads {}   wake-ups {:>6.1} /s   processor \
             {:>6.3} %",
            self.resident_kib,
            self.locked_kib,
            self.threads,
            per_second(self.wakeups, before.wakeups),
            per_second(self.ran_ns, before.ran_ns) / 1e7,
        )
    }
}

/// The number in the line that begins with `name`.
fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn lines(child: &mut Child) -> Result<Receiver<String>, Failure> {
    let stdout = child.stdout.take().ok_or("the demo has no stdout")?;
    let (tell, said) = channel();
    thread::spawn(move || {
        // A main thread that has gone hears nothing more.
        BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| tell.send(line))
    });
    Ok(said)
}
