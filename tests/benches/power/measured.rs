//! One run of a command, measured by a process of its own: then the kernel's accounts of that process's
//! children are those of the command alone.

use std::error::Error;
use std::process::{Command, Stdio};
use std::{env, fs};

use nix::sys::resource::{Resource, Usage, UsageWho, getrlimit, getrusage, setrlimit};
use palisade_host::clock;
use serde_json::{Value, json};

type Failure = Box<dyn Error>;

/// The first word of the process that measures.
pub(crate) const WORD: &str = "--measured";

/// What one run cost and what came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) wall_ms: f64,
    pub(crate) cpu_ms: f64,
    /// The largest of its processes.
    pub(crate) resident_mib: f64,
    /// Processes and threads that were started on this machine meanwhile.
    pub(crate) started: f64,
    /// Lines with the wanted text.
    pub(crate) good: usize,
}

impl Run {
    /// Runs `words`, and counts the lines of its output that contain `wanted`.
    pub(crate) fn of(words: &[String], wanted: &str) -> Result<Self, Failure> {
        let mut command = Command::new(env::current_exe()?);
        let output = command.arg(WORD).arg(wanted).args(words).output()?;
        let said: Value = serde_json::from_slice(&output.stdout)
            .map_err(|_| format!("{words:?}: {}", String::from_utf8_lossy(&output.stderr)))?;
        let number = |name: &str| said[name].as_f64().unwrap_or(f64::NAN);
        let good = said["good"].as_u64().and_then(|good| usize::try_from(good).ok());
        Ok(Self {
            wall_ms: number("wall_ms"),
            cpu_ms: number("cpu_ms"),
            resident_mib: number("resident_mib"),
            started: number("started"),
            good: good.unwrap_or(0),
        })
    }
}

/// The process that measures: `WANTED COMMAND…`.
#[expect(clippy::print_stdout, reason = "the other process reads it")]
pub(crate) fn run(words: &[String]) -> Result<(), Failure> {
    let [wanted, program, args @ ..] = words else { return Err("no command to measure".into()) };
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    open_files_as_allowed()?;
    // As a daemon that has started programs before: the first start of a process takes longer.
    Command::new("true").output()?;
    let spent = children()?.1;
    let (before, began) = (forks()?, clock::now());
    let output = command.spawn()?.wait_with_output()?;
    let wall = clock::now().since(began);
    let started = forks()?.saturating_sub(before);
    let (usage, cpu_ms) = children()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let said = json!({
        "wall_ms": wall.as_secs_f64() * 1e3,
        "cpu_ms": cpu_ms - spent,
        "resident_mib": usage.max_rss() as f64 / 1024.0,
        "started": started,
        "good": text.lines().filter(|line| line.contains(wanted.as_str())).count(),
    });
    println!("{said}");
    Ok(())
}

/// The kernel's account of all children so far, and the ms of processor time in it.
fn children() -> Result<(Usage, f64), Failure> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu = usage.user_time() + usage.system_time();
    Ok((usage, cpu.tv_sec() as f64 * 1e3 + cpu.tv_usec() as f64 / 1e3))
}

/// `ipmipower` has a socket for each machine, and 1,024 are all that a shell gives it.
fn open_files_as_allowed() -> Result<(), Failure> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, most, most)?)
}

/// Processes and threads started since boot.
fn forks() -> Result<u64, Failure> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().find_map(|line| line.strip_prefix("processes "));
    Ok(line.ok_or("no processes in /proc/stat")?.trim().parse()?)
}
