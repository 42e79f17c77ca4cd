//! What came of many runs, in words and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use palisade_protocol::time::Duration;
use serde_json::{Value, json};

use super::run::Report;
use crate::world::{Checks, Verdict};

/// Failed runs after which an exploration ends: they are alike.
const FAILED_MAX: usize = 20;

/// What came of many runs.
#[derive(Debug, Default)]
pub(super) struct Tally {
    runs: u64,
    events: u64,
    lasted: Duration,
    faults: BTreeMap<String, u64>,
    checks: Checks,
    slowest: Option<(Duration, u64)>,
    pub(super) failed: Vec<Report>,
}

impl Tally {
    pub(super) fn add(&mut self, report: Report) {
        self.runs += 1;
        self.events += report.events;
        self.lasted += report.lasted;
        self.checks.add(&report.checks);
        self.slowest = self.slowest.max(Some((report.healed_in, report.seed)));
        for (kind, count) in &report.faults {
            *self.faults.entry(kind.clone()).or_default() += count;
        }
        if report.verdict != Verdict::Held {
            self.failed.push(report);
        }
    }

    pub(super) fn join(&mut self, other: Self) {
        self.runs += other.runs;
        self.events += other.events;
        self.lasted += other.lasted;
        self.checks.add(&other.checks);
        self.slowest = self.slowest.max(other.slowest);
        for (kind, count) in other.faults {
            *self.faults.entry(kind).or_default() += count;
        }
        self.failed.extend(other.failed);
        self.failed.sort_by_key(|report| report.seed);
    }

    pub(super) const fn is_enough(&self) -> bool {
        self.failed.len() >= FAILED_MAX
    }

    pub(super) fn words(&self, real: Duration) -> String {
        let mut out = String::new();
        let rates = self.rates(real);
        let faults: Vec<_> = self.faults.iter().map(|(kind, n)| format!("{kind} {n}")).collect();
        let checks: Vec<_> = self.checks.named().map(|(name, n)| format!("{name} {n}")).into();
        let (slowest, seed) = self.slowest.unwrap_or_default();
        let lines = [
            format!("runs        {}", self.runs),
            format!("events      {}, {:.0} a second", self.events, rates.events),
            format!("virtual     {} s, {:.0} x real time", self.lasted.as_secs(), rates.virtual_),
            format!("real        {:.1} s", real.as_secs_f64()),
            format!("faults      {}", faults.join(", ")),
            format!("judged      {}", checks.join(", ")),
            format!("healed in   {slowest:?} at most, seed {seed}"),
            format!("violations  {}", self.failed.len()),
        ];
        for line in lines {
            let written = writeln!(out, "{line}");
            assert!(written.is_ok(), "a string takes every line");
        }
        out
    }

    pub(super) fn json(&self, real: Duration) -> Value {
        let rates = self.rates(real);
        let checks: BTreeMap<_, _> = self.checks.named().into_iter().collect();
        let violations: Vec<_> = self.failed.iter().map(Report::json).collect();
        json!({
            "runs": self.runs,
            "events": self.events,
            "virtual_s": self.lasted.as_secs_f64(),
            "real_s": real.as_secs_f64(),
            "events_per_s": rates.events,
            "virtual_per_real": rates.virtual_,
            "faults": self.faults,
            "checks": checks,
            "violations": violations,
        })
    }

    fn rates(&self, real: Duration) -> Rates {
        let seconds = real.as_secs_f64().max(1e-9);
        let events = f64::from(u32::try_from(self.events / 1_000).unwrap_or(u32::MAX)) * 1_000.0;
        Rates { events: events / seconds, virtual_: self.lasted.as_secs_f64() / seconds }
    }
}

struct Rates {
    events: f64,
    virtual_: f64,
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
