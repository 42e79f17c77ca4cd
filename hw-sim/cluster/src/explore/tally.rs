//! What came of many runs, added up.

use std::collections::BTreeMap;

use palisade_protocol::time::Duration;

use super::permanent::Last;
use super::profile::Profile;
use super::run::Report;
use crate::world::{Checks, Verdict};

/// Failed runs after which an exploration ends: they are alike.
const FAILED_MAX: usize = 20;

/// What came of many runs.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) all: Share,
    pub(super) sizes: BTreeMap<(u8, u8), Share>,
    pub(super) profiles: BTreeMap<Profile, Share>,
    pub(super) faults: BTreeMap<String, u64>,
    pub(super) checks: Checks,
    pub(super) lasts: Lasts,
    /// The longest that healing took, and in which run.
    pub(super) slowest: Option<(Duration, u64)>,
    pub(super) failed: Vec<Report>,
}

/// Some of the runs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Share {
    pub(super) runs: u64,
    pub(super) violations: u64,
    pub(super) events: u64,
    /// Virtual time.
    pub(super) lasted: Duration,
    /// Processor time.
    pub(super) cost: Duration,
}

/// What became of the faults that were for good.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lasts {
    pub(super) decided: u64,
    decided_in: Duration,
    bounds: Duration,
    pub(super) detected: u64,
    detected_in: Duration,
    /// The worst share of its bound in a thousand, and in which run.
    pub(super) worst: Option<(u128, u64)>,
    pub(super) fences: usize,
    pub(super) changes: usize,
}

impl Tally {
    pub(super) fn add(&mut self, report: Report, cost: Duration) {
        for share in [
            &mut self.all,
            self.sizes.entry(report.size).or_default(),
            self.profiles.entry(report.profile).or_default(),
        ] {
            share.add(&report, cost);
        }
        self.checks.add(&report.checks);
        self.slowest = self.slowest.max(Some((report.healed_in, report.seed)));
        if let Some(last) = report.last {
            self.lasts.add(last, report.seed);
        }
        for (kind, count) in &report.faults {
            *self.faults.entry(kind.clone()).or_default() += count;
        }
        if report.verdict != Verdict::Held {
            self.failed.push(report);
        }
    }

    pub(super) fn join(&mut self, other: Self) {
        self.all.join(&other.all);
        self.checks.add(&other.checks);
        self.slowest = self.slowest.max(other.slowest);
        self.lasts.join(&other.lasts);
        for (size, share) in other.sizes {
            self.sizes.entry(size).or_default().join(&share);
        }
        for (profile, share) in other.profiles {
            self.profiles.entry(profile).or_default().join(&share);
        }
        for (kind, count) in other.faults {
            *self.faults.entry(kind).or_default() += count;
        }
        self.failed.extend(other.failed);
        self.failed.sort_by_key(|report| report.seed);
    }

    pub(super) const fn is_enough(&self) -> bool {
        self.failed.len() >= FAILED_MAX
    }
}

impl Share {
    fn add(&mut self, report: &Report, cost: Duration) {
        self.runs += 1;
        self.violations += u64::from(report.verdict != Verdict::Held);
        self.events += report.events;
        self.lasted += report.lasted;
        self.cost += cost;
    }

    fn join(&mut self, other: &Self) {
        self.runs += other.runs;
        self.violations += other.violations;
        self.events += other.events;
        self.lasted += other.lasted;
        self.cost += other.cost;
    }
}

impl Lasts {
    fn add(&mut self, last: Last, seed: u64) {
        self.fences = self.fences.max(last.fences);
        self.changes = self.changes.max(last.changes);
        if let Some(detected) = last.detected {
            self.detected += 1;
            self.detected_in += detected;
        }
        if let (Some(decided), Some(bound)) = (last.decided, last.bound) {
            self.decided += 1;
            self.decided_in += decided;
            self.bounds += bound;
            let share = decided.as_nanos() * 1_000 / bound.as_nanos().max(1);
            self.worst = self.worst.max(Some((share, seed)));
        }
    }

    fn join(&mut self, other: &Self) {
        self.decided += other.decided;
        self.decided_in += other.decided_in;
        self.bounds += other.bounds;
        self.detected += other.detected;
        self.detected_in += other.detected_in;
        self.worst = self.worst.max(other.worst);
        self.fences = self.fences.max(other.fences);
        self.changes = self.changes.max(other.changes);
    }

    /// Mean time to the first suspicion, to the proof, and of what that may take.
    pub(super) fn means(&self) -> [Duration; 3] {
        let mean =
            |sum: Duration, count: u64| sum / u32::try_from(count.max(1)).unwrap_or(u32::MAX);
        [
            mean(self.detected_in, self.detected),
            mean(self.decided_in, self.decided),
            mean(self.bounds, self.decided),
        ]
    }
}
