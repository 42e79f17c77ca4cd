//! Hunts: one process for each weakening, so many at a time, each ended when its time is up.

use std::io::Read as _;
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::catalogue::{Hunt, Mutant};
use crate::failure::Failure;

/// Beyond its budget a hunt ends itself within this, or is ended.
const GRACE: Duration = Duration::from_secs(15);

/// Seeds of an exploration: its budget ends it.
const SEEDS_MAX: u64 = 1 << 40;

/// On what terms hunts are held.
#[derive(Debug)]
pub(crate) struct Terms {
    /// The simulator with the weakenings.
    pub(crate) program: PathBuf,
    /// What one hunt may take.
    pub(crate) budget_seconds: u64,
    /// Hunts at a time.
    pub(crate) jobs: usize,
}

/// What came of a hunt.
#[derive(Clone, Debug)]
pub(crate) struct Catch {
    /// The promise that was seen broken, if one was.
    pub(crate) promise: Option<String>,
    /// Where: the seed, or the setting.
    pub(crate) at: String,
    /// The seed, if an exploration found it.
    pub(crate) seed: Option<u64>,
    /// After how many runs, or states.
    pub(crate) effort: u64,
    /// How long it took.
    pub(crate) took: Duration,
    /// The command that repeats it.
    pub(crate) command: String,
    /// What the simulator said.
    pub(crate) said: String,
}

impl Catch {
    /// Whether the weakening was found out.
    pub(crate) const fn is_found(&self) -> bool {
        self.promise.is_some()
    }
}

/// Hunts each mutant; tells of each as it ends; all of them in their order.
///
/// # Errors
/// [`Failure::Program`] if the simulator cannot be run.
pub(crate) fn all<'a>(
    terms: &Terms,
    mutants: &[&'a Mutant],
    tell: impl Fn(&Mutant, &Catch),
) -> Result<Vec<(&'a Mutant, Catch)>, Failure> {
    let hunt = |mutant: &&Mutant| one(terms, mutant);
    let catches = in_turn(terms.jobs, mutants, hunt, |mutant, catch| tell(mutant, catch))?;
    Ok(mutants.iter().copied().zip(catches).collect())
}

/// Hunts one mutant until a promise breaks that holds in the same run with nothing weakened.
fn one(terms: &Terms, mutant: &Mutant) -> Result<Catch, Failure> {
    let (mut first, mut spent, mut effort) = (0, Duration::ZERO, 0);
    loop {
        let seeds = first..SEEDS_MAX;
        let mut catch = run(terms, words(&mutant.hunt, Some(&mutant.name), seeds), spent)?;
        spent += catch.took;
        effort += catch.effort;
        (catch.took, catch.effort) = (spent, effort);
        let Some(same) = same_run(mutant, &catch) else { return Ok(catch) };
        if !run(terms, same, Duration::ZERO)?.is_found() {
            return Ok(catch);
        }
        let Some(seed) = catch.seed.filter(|_| spent.as_secs() < terms.budget_seconds) else {
            return Ok(Catch { promise: None, ..catch });
        };
        first = seed + 1;
    }
}

/// The words for the run that was caught, with nothing weakened; none if nothing was caught.
fn same_run(mutant: &Mutant, catch: &Catch) -> Option<Vec<String>> {
    if !catch.is_found() {
        return None;
    }
    match catch.seed {
        Some(seed) => Some(words(&mutant.hunt, mutant.scene().as_deref(), seed..seed + 1)),
        None => schedule(&catch.said),
    }
}

/// The words after the name of the simulator in the line with which a check says how to repeat its
/// run, without the mutant's.
pub(crate) fn schedule(said: &str) -> Option<Vec<String>> {
    let line = said.lines().find_map(|line| line.strip_prefix("replay: palisade-sim "))?;
    let mut words = Vec::new();
    for (place, part) in line.split('"').enumerate() {
        if place % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    let place = words.iter().position(|word| word == "--mutant")?;
    words.drain(place..(place + 2).min(words.len()));
    Some(words)
}

/// Does `work` on each of `items`, `jobs` at a time; tells of each result as it comes; all results
/// in the order of the items.
///
/// # Errors
/// The first failure.
pub(crate) fn in_turn<T: Sync, R: Send>(
    jobs: usize,
    items: &[T],
    work: impl Fn(&T) -> Result<R, Failure> + Sync,
    tell: impl Fn(&T, &R),
) -> Result<Vec<R>, Failure> {
    let next = AtomicUsize::new(0);
    let (results, done) = mpsc::channel();
    let mut all: Vec<(usize, R)> = Vec::new();
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            let (results, next, work) = (results.clone(), &next, &work);
            scope.spawn(move || {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(place) else { return };
                    if results.send((place, work(item))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(results);
        for (place, result) in done {
            let result = result?;
            if let Some(item) = items.get(place) {
                tell(item, &result);
            }
            all.push((place, result));
        }
        Ok::<(), Failure>(())
    })?;
    all.sort_by_key(|(place, _)| *place);
    Ok(all.into_iter().map(|(_, result)| result).collect())
}

/// The words of one hunt: over these seeds, if it explores.
pub(crate) fn words(hunt: &Hunt, mutant: Option<&str>, seeds: Range<u64>) -> Vec<String> {
    let mut words = hunt.words();
    words.extend(mutant.into_iter().flat_map(|name| ["--mutant".to_owned(), name.to_owned()]));
    if let Hunt::Explore { .. } = hunt {
        words.extend(["--seeds".to_owned(), format!("{}..{}", seeds.start, seeds.end)]);
    }
    words
}

/// One run of the simulator, to its end or that of the budget, of which so much is spent.
///
/// # Errors
/// [`Failure::Program`] if the simulator cannot be run.
pub(crate) fn run(
    terms: &Terms,
    mut words: Vec<String>,
    spent: Duration,
) -> Result<Catch, Failure> {
    let left = terms.budget_seconds.saturating_sub(spent.as_secs()).max(1);
    words.extend(["--budget".to_owned(), format!("{left}s")]);
    let program = terms.program.display().to_string();
    let failed = |error| Failure::Program { program: program.clone(), error };
    let began = now();
    let child = Command::new(&terms.program)
        .args(&words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let (said, code) = finish(child, Duration::from_secs(left) + GRACE);
    let command = format!("{program} {}", words.join(" "));
    Ok(read(&said, code, now().duration_since(began), command))
}

/// Waits for `child` to end, and ends it if it does not; what it said and its exit code.
fn finish(mut child: Child, patience: Duration) -> (String, Option<i32>) {
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (words, said) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut text = String::new();
            // Words that are no UTF-8 are none of ours.
            let whole = out.map(|mut out| out.read_to_string(&mut text));
            let rest = err.map(|mut err| err.read_to_string(&mut text));
            let unread = [whole, rest].into_iter().flatten().find_map(Result::err);
            let text = unread.map_or(text, |error| format!("its words are lost: {error}"));
            words.send(text)
        });
        let text = said.recv_timeout(patience);
        if text.is_err() && child.kill().is_err() {
            return ("it could not be ended".to_owned(), None);
        }
        let code = child.wait().ok().and_then(|status| status.code());
        (text.unwrap_or_else(|_| "it did not end in time".to_owned()), code)
    })
}

/// Reads what a hunt said.
pub(crate) fn read(said: &str, code: Option<i32>, took: Duration, command: String) -> Catch {
    let broken = said.lines().find_map(|line| line.split_once(" broken").map(|(before, _)| before));
    let promise = broken.and_then(|before| before.trim_end_matches(" is").split(' ').next_back());
    let promise = match code {
        Some(1) => promise.map(str::to_owned),
        Some(101) => Some("assertion".to_owned()),
        _ => None,
    };
    let seed = broken.and_then(|before| before.strip_prefix("seed ")?.split(':').next());
    let seed = seed.and_then(|seed| seed.parse::<u64>().ok());
    let setting =
        said.lines().rfind(|line| line.contains(" runs, ") && line.contains(" unique, depth"));
    let setting = setting.and_then(|line| line.split(": ").next());
    let at = seed.map(|seed| format!("seed {seed}")).or(setting.map(str::to_owned));
    Catch {
        promise,
        at: at.unwrap_or_default(),
        seed,
        effort: effort(said),
        took,
        command,
        said: said.to_owned(),
    }
}

/// How many runs an exploration says that it took, or states a check.
fn effort(said: &str) -> u64 {
    let runs = said.lines().find_map(|line| line.strip_prefix("runs "));
    let states = said.lines().find(|line| line.contains(" states, ") && line.contains(" settings"));
    let number = runs.or(states).and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[expect(clippy::disallowed_methods, reason = "a table of seconds for people; nothing waits on it")]
fn now() -> Instant {
    Instant::now()
}
