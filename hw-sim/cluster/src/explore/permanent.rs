//! The last fault of a run, which nobody mends: one node is broken for good, and all that follows
//! is counted and timed.

use std::collections::BTreeSet;

use palisade_fencer_core::news::News;
use palisade_protocol::ids::{BootId, NodeId};
use palisade_protocol::time::{Duration, Instant};

use super::run::{OFF_LATENCY, Run};
use crate::world::{Bmc, Fact, Verdict};

/// For the disks and the BMC's answers on the way to a proof.
const DEVICES: Duration = Duration::from_millis(60);

/// Fences that one permanent fault may cause.
const FENCES_MAX: usize = 1;

/// Changes of view that one permanent fault may cause: the node goes, and what it owned goes to
/// another.
const CHANGES_MAX: usize = 2;

/// One run in so many is watched until everything has happened that may follow.
const LONG_LOOK: u64 = 4;

/// A node that is cut off boots again, and stays cut off.
const CUT_OFF: &str = "last: cut off";

/// What became of a permanent fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Last {
    /// From the fault to the first voter that suspected its node.
    pub detected: Option<Duration>,
    /// From the fault to the first proof.
    pub decided: Option<Duration>,
    /// What that may take; none if nothing can prove it.
    pub bound: Option<Duration>,
    /// Offs obeyed, or lives proven over, whichever are more.
    pub fences: usize,
    /// Lives admitted that were not before, lives proven over and times that the service moved.
    pub changes: usize,
}

/// Which node was broken, how and when.
struct Breach {
    target: NodeId,
    what: &'static str,
    bound: Option<Duration>,
    /// When, and how many facts and cuts there were.
    at: Instant,
    seen: usize,
    cuts: usize,
}

impl Run {
    /// L1: one node is broken for good, and proven so in time; nobody else is touched, it is fenced
    /// once, and the view changes no more than it must.
    pub(super) fn break_for_good(&mut self) {
        if *self.world.verdict() != Verdict::Held {
            return;
        }
        self.world.run_for(self.world.shape().raw.warrant);
        self.all_well_within(self.spans.heal_max(), "after all faults have ended, and once more");
        if *self.world.verdict() != Verdict::Held {
            return;
        }
        let members: Vec<_> = self.world.shape().member_nodes().collect();
        let Some(target) = self.chance.pick(&members) else { return };
        let owned = self.world.owner() == Some(target);
        let (seen, cuts) = (self.world.facts().len(), self.cuts());
        let (what, bound) = self.break_one(target);
        let at = self.world.now();
        self.count(what);
        let breach = Breach { target, what, bound, at, seen, cuts };
        let last = self.watch(&breach);
        self.last = Some(last);
        let stranded = owned && last.decided.is_some() && self.world.owner() == Some(target);
        let stranded =
            stranded.then(|| format!("{target} is proven dead, and nobody takes its service over"));
        let fault = self.judged(&breach, last).or(stranded);
        self.world.judge("L1", fault.map(|why| format!("{what}: {why}")));
    }

    fn break_one(&mut self, target: NodeId) -> (&'static str, Option<Duration>) {
        let shape = self.world.shape();
        let raw = shape.raw;
        let off = raw.suspect_after + 3 * raw.beat + 2 * raw.rtt + raw.off_confirm;
        let off = off + OFF_LATENCY + DEVICES;
        let lease = (raw.promise + 2 * raw.beat).max(shape.fire) + DEVICES;
        let is_virtual = shape.virtual_nodes.contains(&target);
        let nodes: Vec<_> = shape.nodes().collect();
        match self.chance.below(4) {
            0 => {
                self.world.kill(target);
                ("last: power lost", Some(off))
            }
            1 => {
                self.world.hang(target);
                ("last: kernel hangs", Some(off))
            }
            2 => {
                self.world.network.isolate(target, &nodes);
                (CUT_OFF, Some(off))
            }
            _ => {
                self.world.set_bmc(target, Bmc::Dead);
                self.world.kill(target);
                ("last: power and BMC lost", (!is_virtual).then_some(lease))
            }
        }
    }

    /// Until it is decided and a little longer, or in some runs until all is over that may follow.
    fn watch(&mut self, breach: &Breach) -> Last {
        let target = breach.target;
        self.world.struck(breach.what.to_owned());
        if breach.what != CUT_OFF {
            self.world.break_for_good(target);
        }
        let look = self.spans.look_every() * 4;
        let span = breach.bound.unwrap_or(self.spans.no_proof());
        let proven =
            |fact: &Fact| matches!(fact, Fact::Proven { target: whose, .. } if *whose == target);
        let at = self.world.run_until(span + look, proven);
        let boot = self.world.shape().boot;
        self.world.run_for(if self.is_long() { self.spans.aftermath(boot) } else { look });
        self.counted(breach, at)
    }

    /// Whether this run is one of those that are watched to the end of all that may follow.
    fn is_long(&self) -> bool {
        self.aside.clone().below(LONG_LOOK) == 0
    }

    fn counted(&self, breach: &Breach, proven_at: Option<Instant>) -> Last {
        let (former, fresh) = self.world.facts().split_at(breach.seen);
        let since = |at: Instant| at.since(breach.at);
        let detected = fresh.iter().find(|(_, fact)| is_suspicion_of(fact, breach.target));
        let over: BTreeSet<_> = fresh.iter().filter_map(|(_, fact)| proven_over(fact)).collect();
        let moved = fresh.iter().filter(|(_, fact)| matches!(fact, Fact::Promoted { .. })).count();
        // A voter that grants a life that others have long granted changes nobody's view; nor does
        // one that is cut off together with the node that it grants.
        let known: BTreeSet<_> = former.iter().filter_map(|(_, fact)| admitted(fact)).collect();
        let told = fresh.iter().filter(|(_, fact)| !is_told_by(fact, breach.target));
        let new: BTreeSet<_> = told.filter_map(|(_, fact)| admitted(fact)).collect();
        Last {
            detected: detected.map(|(at, _)| since(*at)),
            decided: proven_at.map(since),
            bound: breach.bound,
            fences: over.len().max(self.cuts() - breach.cuts),
            changes: over.len() + new.difference(&known).count() + moved,
        }
    }

    fn cuts(&self) -> usize {
        self.world.shape().nodes().map(|node| self.world.power_cuts(node)).sum()
    }

    fn judged(&self, breach: &Breach, last: Last) -> Option<String> {
        let target = breach.target;
        let fresh = self.world.facts().get(breach.seen..).unwrap_or_default();
        let hurt = fresh.iter().find(|(_, fact)| is_harm_of_another(fact, target));
        if let Some((at, fact)) = hurt {
            return Some(format!("{fact} at {at}, which the fault did not touch"));
        }
        if last.fences > FENCES_MAX || last.changes > CHANGES_MAX {
            let Last { fences, changes, .. } = last;
            return Some(format!("{fences} fences and {changes} changes of view for one fault"));
        }
        match (breach.bound, last.decided) {
            (Some(bound), Some(took)) if took <= bound => None,
            (Some(bound), took) => {
                Some(format!("{target} proven dead after {took:?}, the bound is {bound:?}"))
            }
            (None, None) => None,
            (None, Some(_)) => Some(format!("{target} is proven dead, and nothing can prove it")),
        }
    }
}

/// The life that a fencer has begun to grant, if `fact` is that.
fn admitted(fact: &Fact) -> Option<(NodeId, BootId)> {
    let Fact::Fencer { news: News::Admitted { node, boot, .. }, .. } = fact else { return None };
    Some((*node, *boot))
}

/// The life that is proven over, if `fact` is that.
fn proven_over(fact: &Fact) -> Option<(NodeId, BootId)> {
    let Fact::Proven { target, boot, .. } = fact else { return None };
    Some((*target, *boot))
}

fn is_suspicion_of(fact: &Fact, node: NodeId) -> bool {
    matches!(fact, Fact::Fencer { news: News::Suspected { target, .. }, .. } if *target == node)
}

fn is_told_by(fact: &Fact, whose: NodeId) -> bool {
    matches!(fact, Fact::Fencer { node, .. } if *node == whose)
}

fn is_harm_of_another(fact: &Fact, target: NodeId) -> bool {
    match fact {
        Fact::PoweredOff { node } | Fact::Bitten { node } | Fact::FencedSelf { node, .. } => {
            *node != target
        }
        Fact::Commanded { target: whose, .. } => *whose != target,
        Fact::Agent { .. }
        | Fact::Fencer { .. }
        | Fact::Proven { .. }
        | Fact::Promoted { .. }
        | Fact::Booted { .. }
        | Fact::Struck { .. } => false,
    }
}
