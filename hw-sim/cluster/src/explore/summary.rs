//! The summary of an exploration, in words and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use palisade_protocol::time::Duration;
use serde_json::{Value, json};

use super::cost::a_second;
use super::run::Report;
use super::tally::{Lasts, Share, Tally};
use crate::world::Verdict;

/// Columns of a summary.
const WIDTH: usize = 100;

/// Columns of the names on its left.
const INDENT: usize = 12;

impl Tally {
    /// The summary, for people, of runs on so many threads within `real`.
    pub(super) fn words(&self, real: Duration, threads: usize) -> String {
        let Share { runs, events, lasted, cost, .. } = self.all;
        let seconds = real.as_secs_f64();
        let mut out = String::new();
        let mut say = |name: &str, what: &str| entry(&mut out, name, what);
        say(
            "runs",
            &format!(
                "{runs} in {seconds:.1} s on {threads} threads: {:.0} a second, {:.0} of one core",
                a_second(runs, real),
                a_second(runs, cost)
            ),
        );
        say("events", &format!("{events}: {:.0} a second of one core", a_second(events, cost)));
        say(
            "virtual",
            &format!(
                "{} s: {:.0} x real time on one core, {:.0} x in all",
                lasted.as_secs(),
                ratio(lasted, cost),
                ratio(lasted, real)
            ),
        );
        self.profiles.iter().for_each(|(profile, share)| say("", &share.speed(profile.name())));
        say("sizes", "members x voters");
        self.sizes.iter().for_each(|(size, share)| say("", &share.size(*size)));
        say("faults", &listed(self.faults.iter().map(|(kind, n)| (kind.as_str(), *n))));
        say("judged", &listed(self.checks.named().into_iter()));
        say("last fault", &self.lasts.words());
        let (slowest, seed) = self.slowest.unwrap_or_default();
        say("healed in", &format!("{slowest:?} at most, seed {seed}"));
        say("violations", &self.failed.len().to_string());
        out
    }

    /// The same for programs.
    pub(super) fn json(&self, real: Duration) -> Value {
        let Share { runs, events, lasted, cost, .. } = self.all;
        let checks: BTreeMap<_, _> = self.checks.named().into_iter().collect();
        let violations: Vec<_> = self.failed.iter().map(Report::json).collect();
        let profiles: BTreeMap<_, _> =
            self.profiles.iter().map(|(profile, share)| (profile.name(), share.json())).collect();
        let sizes: BTreeMap<_, _> = self
            .sizes
            .iter()
            .map(|((members, voters), share)| (format!("{members}x{voters}"), share.json()))
            .collect();
        json!({
            "runs": runs,
            "runs_per_s": a_second(runs, real),
            "runs_per_core_s": a_second(runs, cost),
            "events": events,
            "virtual_s": lasted.as_secs_f64(),
            "real_s": real.as_secs_f64(),
            "events_per_s": a_second(events, real),
            "events_per_core_s": a_second(events, cost),
            "virtual_per_core": ratio(lasted, cost),
            "virtual_per_real": ratio(lasted, real),
            "profiles": profiles,
            "sizes": sizes,
            "faults": self.faults,
            "checks": checks,
            "last_fault": self.lasts.json(),
            "violations": violations,
        })
    }
}

impl Share {
    fn speed(&self, name: &str) -> String {
        format!(
            "{name:10} {:>7} runs {:>9} s {:>8.0} x real time, {:>8.0} events a second of one core",
            self.runs,
            self.lasted.as_secs(),
            ratio(self.lasted, self.cost),
            a_second(self.events, self.cost)
        )
    }

    fn size(&self, (members, voters): (u8, u8)) -> String {
        format!(
            "{members} x {voters}      {:>7} runs {:>9} s {:>8.0} x real time, {} violations",
            self.runs,
            self.lasted.as_secs(),
            ratio(self.lasted, self.cost),
            self.violations
        )
    }

    fn json(&self) -> Value {
        json!({
            "runs": self.runs,
            "violations": self.violations,
            "virtual_per_core": ratio(self.lasted, self.cost),
            "events_per_core_s": a_second(self.events, self.cost),
        })
    }
}

impl Lasts {
    fn words(&self) -> String {
        let [detected, decided, bound] = self.means().map(|mean| mean.as_millis());
        let (share, seed) = self.worst.unwrap_or_default();
        format!(
            "detected in {detected} ms, proven in {decided} ms of {bound} ms allowed (means of {} \
             runs), {}.{} % of the bound at most, seed {seed}; {} fence and {} changes of view at \
             most",
            self.decided,
            share / 10,
            share % 10,
            self.fences,
            self.changes
        )
    }

    fn json(&self) -> Value {
        let [detected, decided, bound] = self.means().map(|mean| mean.as_secs_f64() * 1_000.0);
        let (share, seed) = self.worst.unwrap_or_default();
        json!({
            "decided": self.decided,
            "detected_ms_mean": detected,
            "decided_ms_mean": decided,
            "bound_ms_mean": bound,
            "bound_permille_max": u64::try_from(share).unwrap_or(u64::MAX),
            "bound_seed_max": seed,
            "fences_max": self.fences,
            "changes_max": self.changes,
        })
    }
}

impl Report {
    /// What was broken, in one line.
    pub fn words(&self) -> String {
        match &self.verdict {
            Verdict::Held => format!("seed {}: every promise held", self.seed),
            Verdict::Broken { promise, at, why } => {
                format!("seed {}: {promise} broken at {at}: {why}", self.seed)
            }
        }
    }

    fn json(&self) -> Value {
        match &self.verdict {
            Verdict::Held => json!({ "seed": self.seed }),
            Verdict::Broken { promise, at, why } => {
                json!({ "seed": self.seed, "promise": promise, "at_ms": at.as_millis(), "why": why })
            }
        }
    }
}

fn ratio(virtual_time: Duration, real: Duration) -> f64 {
    virtual_time.as_secs_f64() / real.as_secs_f64().max(1e-9)
}

fn listed<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> String {
    counts.map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}

/// One entry: its name on the left, what it says broken into lines beside it.
fn entry(out: &mut String, name: &str, what: &str) {
    let mut left = name;
    let mut line = String::new();
    let words: Vec<_> =
        if what.len() + INDENT <= WIDTH { vec![what] } else { what.split(' ').collect() };
    for word in words {
        if !line.is_empty() && INDENT + line.len() + 1 + word.len() > WIDTH {
            write_line(out, std::mem::take(&mut left), &line);
            line.clear();
        }
        line.push_str(if line.is_empty() { "" } else { " " });
        line.push_str(word);
    }
    write_line(out, left, &line);
}

fn write_line(out: &mut String, name: &str, line: &str) {
    let written = writeln!(out, "{name:INDENT$}{line}");
    assert!(written.is_ok(), "a string takes every line");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_entry_is_broken_between_words() {
        let mut out = String::new();
        entry(&mut out, "faults", &"Kill 12345, ".repeat(30));
        assert!(out.lines().all(|line| line.len() <= WIDTH), "{out}");
        assert!(out.lines().count() > 3);
        assert!(out.starts_with("faults      Kill 12345, Kill"));
    }
}
