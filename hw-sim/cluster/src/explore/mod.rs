//! `palisade-sim explore` and `replay`: many worlds, each drawn from a seed, each judged after every
//! event and at its end.
//!
//! Faults are drawn in swarm fashion: a run has a few kinds of them. Never weakens a check because a
//! run failed it.

mod cost;
mod diff;
mod draw;
mod fault;
mod gentle;
mod options;
mod permanent;
mod picture;
mod profile;
mod run;
mod spans;
mod step;
mod summary;
mod tally;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use clap::Args;
use palisade_host::clock;
use palisade_protocol::time::{Duration, Instant};

use cost::thread_time;
pub use fault::{FAULTS, Fault};
pub use options::{Kinds, Options};
pub use permanent::Last;
pub use profile::Profile;
pub use run::{Report, run, run_watched, words};
use step::StepArgs;
use tally::Tally;

use crate::mutants;
use crate::world::{Checks, Verdict};

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
    asked: Asked,
    /// Weaken one rule of the cores, and look for the first run that shows it
    #[arg(long, value_name = "NAME")]
    mutant: Option<String>,
    /// Name the rules that can be weakened
    #[arg(long)]
    list_mutants: bool,
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
    asked: Asked,
    /// Weaken one rule of the cores, as the exploration did
    #[arg(long, value_name = "NAME")]
    mutant: Option<String>,
    /// Draw the timeline too
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    step: StepArgs,
}

/// What may be asked of every run.
#[derive(Clone, Copy, Debug, Args)]
struct Asked {
    /// Members, 1 to 8; drawn for each run otherwise
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=8))]
    nodes: Option<u8>,
    /// Voters, 3 to 7, odd; drawn for each run otherwise
    #[arg(long, value_parser = voters)]
    voters: Option<u8>,
    /// Timing: lan-fast, slow-beat, lan or wan; drawn for each run otherwise
    #[arg(long, value_parser = Profile::parse)]
    profile: Option<Profile>,
    /// Faults of these kinds alone, as the summary names them, with commas between
    #[arg(long, value_name = "KIND,KIND", value_parser = Kinds::parse)]
    only: Option<Kinds>,
}

/// Explores; 0 if every promise held, 1 if one did not, 2 if there is no such mutant.
pub fn explore(args: &ExploreArgs) -> ExitCode {
    if args.list_mutants {
        return list_mutants();
    }
    if let Err(refused) = weaken(args.mutant.as_deref()) {
        return refused;
    }
    let began = clock::now();
    let ends_at = args.budget.map_or(Instant::NEVER, |budget| began + budget);
    let seeds = args.seeds.unwrap_or_else(|| match args.budget {
        Some(_) => (fresh_seed(), u64::MAX),
        None => (0, RUNS),
    });
    let options = args.asked.options();
    let first_alone = args.mutant.is_some();
    let tally = explore_all(seeds, options, (ends_at, first_alone));
    let real = clock::now().since(began);
    say(&tally.words(real, THREADS));
    let mutant = args.mutant.as_deref();
    for failed in &tally.failed {
        say(&format!("{}\n{}\n", failed.words(), replay_line(failed.seed, options, mutant)));
    }
    if let Some(name) = mutant {
        say(&format!("{}\n", found(name, &tally)));
    }
    if args.json {
        say(&format!("{}\n", tally.json(real)));
    }
    if tally.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Tells the story of one seed; 0 if every promise held, 1 if one did not, 3 if the picture cannot
/// be written.
pub fn replay(args: &ReplayArgs) -> ExitCode {
    if let Err(refused) = weaken(args.mutant.as_deref()) {
        return refused;
    }
    let options = args.asked.options();
    if args.step.step {
        return step::step(args.seed, options, args.step);
    }
    let (report, world) = run(args.seed, options);
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

/// All seeds from the first up to the second, until `ends_at` or, if so asked, the first violation.
fn explore_all(
    (first, end): (u64, u64),
    options: Options,
    (ends_at, first_alone): (Instant, bool),
) -> Tally {
    let (next, stop) = (AtomicU64::new(first), AtomicBool::new(false));
    let work = || {
        let mut tally = Tally::default();
        while !stop.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end || clock::now() >= ends_at {
                break;
            }
            let began = thread_time();
            let report = run_or_panic(seed, options);
            tally.add(report, thread_time().saturating_sub(began));
            let enough = tally.is_enough() || (first_alone && !tally.failed.is_empty());
            stop.fetch_or(enough, Ordering::Relaxed);
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

/// A core that stops on a broken invariant of its own has broken a promise too: no run may end so.
fn run_or_panic(seed: u64, options: Options) -> Report {
    let report = catch_unwind(AssertUnwindSafe(|| run(seed, options).0));
    report.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Report::of_panic(seed, options, text.unwrap_or("a panic without words"))
    })
}

fn list_mutants() -> ExitCode {
    for (name, what) in mutants::names() {
        say(&format!("{name:40} {what}\n"));
    }
    if mutants::names().is_empty() {
        say("no rule of this binary can be weakened\n");
    }
    ExitCode::SUCCESS
}

fn weaken(mutant: Option<&str>) -> Result<(), ExitCode> {
    mutant.map_or(Ok(()), mutants::choose).map_err(|refused| {
        eprintln!("{refused}");
        ExitCode::from(2)
    })
}

/// What became of the search for a weakened rule, in one line.
fn found(name: &str, tally: &Tally) -> String {
    let runs = tally.all.runs;
    match tally.failed.first().map(|failed| (&failed.verdict, failed.seed)) {
        Some((Verdict::Broken { promise, .. }, seed)) => {
            format!("mutant {name}: found by {promise} at seed {seed} after {runs} runs")
        }
        _ => format!("mutant {name}: not found in {runs} runs"),
    }
}

fn replay_line(seed: u64, options: Options, mutant: Option<&str>) -> String {
    let mutant = mutant.map_or_else(String::new, |name| format!(" --mutant {name}"));
    format!("replay: palisade-sim replay --seed {seed}{}{mutant}", options.words())
}

impl Asked {
    fn options(self) -> Options {
        Options {
            nodes: self.nodes,
            voters: self.voters,
            profile: self.profile,
            only: self.only.unwrap_or_default(),
        }
    }
}

impl Report {
    /// A run that ended in a panic, of which nothing else is left.
    fn of_panic(seed: u64, options: Options, text: &str) -> Self {
        let why = text.to_owned();
        Self {
            seed,
            size: (options.nodes.unwrap_or(0), options.voters.unwrap_or(0)),
            profile: options.profile.unwrap_or(Profile::LanFast),
            events: 0,
            lasted: Duration::ZERO,
            hash: 0,
            faults: BTreeMap::new(),
            checks: Checks::default(),
            healed_in: Duration::ZERO,
            last: None,
            verdict: Verdict::Broken { promise: "invariant", at: Instant::BOOT, why },
        }
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
