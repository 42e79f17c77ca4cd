//! Contenders at the same work, by turns, so that whatever else the machine does meets all alike.

use std::error::Error;
use std::time::Duration;

use palisade_host::clock;
use palisade_tests::series::Series;

use super::measured::Run;

type Failure = Box<dyn Error>;

/// A contender slower than this a run gets fewer rounds.
const SLOW_MS: f64 = 2_000.0;
const SLOW_ROUNDS: usize = 3;

/// A contest longer than this ends after that many rounds, so that all of them end within minutes.
const CONTEST_MAX: Duration = Duration::from_secs(20);

/// Fewer measurements than these make no median to rely on: such a figure is marked.
const ENOUGH: usize = 20;

/// One program at one piece of work.
pub(crate) struct Contender {
    name: &'static str,
    words: Vec<String>,
    /// What a line says when all went well.
    wanted: &'static str,
    pub(crate) wall: Series,
    cpu: Series,
    resident: Series,
    started: Series,
    good: usize,
    most_rounds: usize,
}

impl Contender {
    pub(crate) fn new(name: &'static str, words: Vec<String>, wanted: &'static str) -> Self {
        let empty = Series::default;
        Self {
            name,
            words,
            wanted,
            wall: empty(),
            cpu: empty(),
            resident: empty(),
            started: empty(),
            good: 0,
            most_rounds: usize::MAX,
        }
    }

    /// The same with fewer rounds.
    pub(crate) fn at_most(self, most_rounds: usize) -> Self {
        Self { most_rounds, ..self }
    }

    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }

    fn once(&mut self) -> Result<(), Failure> {
        let run = Run::of(&self.words, self.wanted)?;
        self.wall.push(run.wall_ms);
        self.cpu.push(run.cpu_ms);
        self.resident.push(run.resident_mib);
        self.started.push(run.started);
        self.good += run.good;
        if run.wall_ms > SLOW_MS {
            self.most_rounds = self.most_rounds.min(SLOW_ROUNDS);
        }
        Ok(())
    }

    pub(crate) fn median(&self) -> Figure {
        Figure { value: self.wall.percentile(50), rounds: self.wall.len() }
    }

    pub(crate) fn median_cpu(&self) -> Figure {
        Figure { value: self.cpu.percentile(50), rounds: self.cpu.len() }
    }

    /// Machines done over machines asked for, of all rounds.
    pub(crate) fn share_done(&self, machines: usize) -> f64 {
        self.good as f64 / (machines * self.wall.len().max(1)) as f64
    }
}

/// A median, and how many measurements it is of.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figure {
    value: Option<f64>,
    rounds: usize,
}

impl Figure {
    /// How many times larger it is than `other`; of as many measurements as the lesser of both.
    pub(crate) fn over(self, other: Self) -> Self {
        let value = self.value.zip(other.value).map(|(one, other)| one / other);
        Self { value, rounds: self.rounds.min(other.rounds) }
    }

    /// The same measurements, each changed by `change`, which keeps their order.
    pub(crate) fn map(self, change: impl FnOnce(f64) -> f64) -> Self {
        Self { value: self.value.map(change), ..self }
    }

    const fn is_of_few(self) -> bool {
        self.rounds < ENOUGH
    }

    /// A star stands beside a figure of few measurements.
    fn text(self, digits: usize) -> String {
        let mark = if self.is_of_few() && self.value.is_some() { "*" } else { " " };
        format!("{}{mark}", figure(self.value, digits))
    }
}

/// Has each do its work `rounds` times, or fewer if that takes long; `prepare` sets the machines up
/// before each.
pub(crate) fn hold(
    contenders: &mut [Contender],
    rounds: usize,
    mut prepare: impl FnMut() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let began = clock::now();
    for round in 0..rounds {
        if round >= SLOW_ROUNDS && clock::now().since(began) >= CONTEST_MAX {
            break;
        }
        for contender in contenders.iter_mut().filter(|one| round < one.most_rounds) {
            prepare()?;
            contender.once()?;
        }
    }
    Ok(())
}

/// A heading and a line for each; the first is ours. A figure of few measurements has a star.
#[expect(clippy::print_stdout, reason = "a measurement is printed")]
pub(crate) fn print(title: &str, contenders: &[Contender], machines: usize) {
    println!("\n{title}");
    println!(
        "  {:<18}{:>4}{:>11} {:>11}{:>9} {:>10} {:>10}{:>8}{:>9}",
        "", "n", "median ms", "p95 ms", "ratio", "cpu ms", "MiB", "started", "done"
    );
    let ours = contenders.first().map(Contender::median).unwrap_or_default();
    for one in contenders {
        println!(
            "  {:<18}{:>4}{:>12}{:>11}{:>10}{:>11}{:>10}{:>8}{:>8.1}%",
            one.name,
            one.wall.len(),
            one.median().text(2),
            figure(one.wall.percentile(95), 2),
            one.median().over(ours).text(2),
            one.median_cpu().text(2),
            figure(one.resident.percentile(100), 1),
            figure(one.started.percentile(50), 0),
            100.0 * one.share_done(machines),
        );
    }
    if contenders.iter().any(|one| one.median().is_of_few()) {
        println!("  * of fewer than {ENOUGH} measurements");
    }
}

/// Says how a figure stands to its target; one of few measurements is said to be so.
pub(crate) fn target(what: &str, figure: Figure, is: &str, reached: impl Fn(f64) -> bool) {
    let few = match figure.rounds {
        0..ENOUGH => format!(" (n = {}: fewer than {ENOUGH})", figure.rounds),
        _ => String::new(),
    };
    target_of_one(&format!("{what}{few}"), figure.value, is, reached);
}

/// The same for what is counted, and no median of anything.
#[expect(clippy::print_stdout, reason = "a measurement is printed")]
pub(crate) fn target_of_one(
    what: &str,
    figure: Option<f64>,
    is: &str,
    reached: impl Fn(f64) -> bool,
) {
    match figure {
        Some(figure) => {
            let verdict = if reached(figure) { "reached" } else { "MISSED" };
            println!("  target: {what}: {figure:.2}, wanted {is}: {verdict}");
        }
        None => println!("  target: {what}: not measured, wanted {is}"),
    }
}

fn figure(value: Option<f64>, digits: usize) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.digits$}"))
}
