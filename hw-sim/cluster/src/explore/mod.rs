//! `palisade-sim explore` and `replay`: many worlds, each drawn from a seed, each judged after every
//! event and at its end.
//!
//! Faults are drawn in swarm fashion: a run has a few kinds of them. Never weakens a check because a
//! run failed it.

mod fault;
mod gentle;
mod picture;
mod run;
mod tally;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use clap::Args;
use palisade_host::clock;
use palisade_protocol::time::{Duration, Instant};

pub use fault::{FAULTS, Fault};
pub use run::{Options, Report, run, words};
use tally::Tally;

use crate::world::Verdict;

/// Threads of an exploration.
const THREADS: usize = 2;

/// Runs when neither seeds nor a budget are given.
const RUNS: u64 = 1_000;

/// Arguments of `palisade-sim explore`.
#[derive(Clone, Debug, Args)]
pub struct ExploreArgs {
    /// Seeds from A up to and without B, written A..B
    #[arg(long, value_parser = seeds, value_name = "A..B")]
    seeds: Option<(u64, u64)>,
    /// How long to explore, e.g. 60s or 10m; seeds are fresh ones unless given
    #[arg(long, value_parser = budget)]
    budget: Option<Duration>,
    #[command(flatten)]
    size: Size,
    /// The summary as one line of JSON, last
    #[arg(long)]
    json: bool,
}

/// Arguments of `palisade-sim replay`.
#[derive(Clone, Debug, Args)]
pub struct ReplayArgs {
    /// The seed of the run
    #[arg(long)]
    seed: u64,
    #[command(flatten)]
    size: Size,
    /// Draw the timeline too
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Args)]
struct Size {
    /// Members, 1 to 8; drawn for each run otherwise
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=8))]
    nodes: Option<u8>,
    /// Voters, 3 to 7, odd; drawn for each run otherwise
    #[arg(long, value_parser = voters)]
    voters: Option<u8>,
}

/// Explores; 0 if every promise held, 1 if one did not.
pub fn explore(args: &ExploreArgs) -> ExitCode {
    let began = clock::now();
    let ends_at = args.budget.map_or(Instant::NEVER, |budget| began + budget);
    let seeds = args.seeds.unwrap_or_else(|| match args.budget {
        Some(_) => (fresh_seed(), u64::MAX),
        None => (0, RUNS),
    });
    let tally = explore_all(seeds, args.size.options(), ends_at);
    let real = clock::now().since(began);
    say(&tally.words(real));
    for failed in &tally.failed {
        say(&format!("{}\n{}\n", failed.words(), args.size.replay_line(failed.seed)));
    }
    if args.json {
        say(&format!("{}\n", tally.json(real)));
    }
    if tally.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Tells the story of one seed; 0 if every promise held, 1 if one did not, 3 if the picture cannot
/// be written.
pub fn replay(args: &ReplayArgs) -> ExitCode {
    let (report, world) = run(args.seed, args.size.options());
    say(&words(&world));
    say(&format!("{}\n", report.words()));
    if let Some(file) = &args.svg
        && let Err(error) = std::fs::write(file, picture::svg(&world, args.seed))
    {
        eprintln!("the picture is not written to {}: {error}", file.display());
        return ExitCode::from(3);
    }
    if report.verdict == Verdict::Held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// All seeds from the first up to the second, until `ends_at`; what came of them.
fn explore_all((first, end): (u64, u64), options: Options, ends_at: Instant) -> Tally {
    let (next, stop) = (AtomicU64::new(first), AtomicBool::new(false));
    let work = || {
        let mut tally = Tally::default();
        while !stop.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end || clock::now() >= ends_at {
                break;
            }
            tally.add(run(seed, options).0);
            stop.fetch_or(tally.is_enough(), Ordering::Relaxed);
        }
        tally
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..THREADS).map(|_| scope.spawn(work)).collect();
        let mut tally = work();
        for other in others {
            match other.join() {
                Ok(theirs) => tally.join(theirs),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        tally
    })
}

impl Size {
    const fn options(self) -> Options {
        Options { nodes: self.nodes, voters: self.voters }
    }

    fn replay_line(self, seed: u64) -> String {
        let asked = |name: &str, size: Option<u8>| {
            size.map_or_else(String::new, |size| format!(" --{name} {size}"))
        };
        format!(
            "replay: palisade-sim replay --seed {seed}{}{}",
            asked("nodes", self.nodes),
            asked("voters", self.voters)
        )
    }
}

fn fresh_seed() -> u64 {
    getrandom::u64().unwrap_or(0) >> 20
}

fn seeds(text: &str) -> Result<(u64, u64), String> {
    let (first, end) = text.split_once("..").ok_or("seeds are written A..B")?;
    let number = |text: &str| text.parse().map_err(|error| format!("{text}: {error}"));
    Ok((number(first)?, number(end)?))
}

fn voters(text: &str) -> Result<u8, String> {
    match text.parse() {
        Ok(voters @ (1 | 3 | 5 | 7)) => Ok(voters),
        _ => Err("voters are an odd number up to 7".to_owned()),
    }
}

fn budget(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.strip_suffix('m') {
        Some(minutes) => (minutes, 60),
        None => (text.strip_suffix('s').unwrap_or(text), 1),
    };
    let number: u64 = number.parse().map_err(|_| format!("{text} is no time: write 60s or 10m"))?;
    Ok(Duration::from_secs(number.saturating_mul(unit)))
}

/// A reader that goes away is no reason to stop.
fn say(text: &str) {
    if std::io::stdout().write_all(text.as_bytes()).is_err() {
        log::debug!("nobody reads the output");
    }
}
