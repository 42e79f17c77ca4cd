//! The record of one run: what was said (marks) and what was so (truth). Pictures, summary and
//! judgement are all made from it; it makes none itself.

use super::event::{Mark, What, Witness};
use super::node::Node;
use super::scenario::{Cast, Scenario};
use super::truth::Truth;
use palisade_protocol::time::Instant;
use std::collections::BTreeSet;

/// Most of the voters.
const MAJORITY: usize = Node::ALL.len() / 2 + 1;

/// How a run came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The expected end was seen.
    Reached,
    /// It was not; the text says what was missing.
    Missed(String),
    /// Somebody ended the run before.
    Interrupted,
}

/// Everything about one run.
#[derive(Clone, Debug)]
pub struct Run {
    /// What was played.
    pub scenario: &'static Scenario,
    /// Who played whom.
    pub cast: Cast,
    /// The seed that decided it.
    pub seed: u64,
    /// When the fault struck; `None` if it never came so far.
    pub fault_at: Option<Instant>,
    /// When the run ended.
    pub ended_at: Instant,
    /// How it ended.
    pub outcome: Outcome,
    /// What was said, in order of time.
    pub marks: Vec<Mark>,
    /// What was so.
    pub truth: Truth,
    /// Recorded datagrams that were sent once more.
    pub replayed: usize,
}

impl Run {
    /// Events of that kind about `node`, from the fault on.
    pub fn of(&self, node: Node, what: What) -> impl Iterator<Item = &Mark> {
        let from = self.fault_at.unwrap_or(Instant::NEVER);
        self.marks
            .iter()
            .filter(move |mark| mark.node == node && mark.what == what && mark.at >= from)
    }

    /// The first event of that kind about `node`, from the fault on.
    pub fn first(&self, node: Node, what: What) -> Option<&Mark> {
        self.of(node, what).next()
    }

    /// The first event of that kind about the victim.
    pub fn victim_first(&self, what: What) -> Option<&Mark> {
        self.first(self.cast.victim, what)
    }

    /// When a majority of the fencers had admitted `node`, counting admissions from `since` on.
    pub fn admitted_since(&self, node: Node, since: Instant) -> Option<Instant> {
        let mut by = BTreeSet::new();
        let admissions = self
            .marks
            .iter()
            .filter(|mark| mark.node == node && mark.what == What::Admitted && mark.at >= since);
        admissions
            .filter(|mark| matches!(mark.witness, Witness::Fencer(_)))
            .find(|mark| by.insert(mark.witness) && by.len() >= MAJORITY)
            .map(|mark| mark.at)
    }

    /// When a majority had admitted `node` in a life that began after the fault.
    pub fn back_at(&self, node: Node) -> Option<Instant> {
        let life = self.truth.lives.of(node).last()?;
        let since = (life.from > self.fault_at?).then_some(life.from)?;
        self.admitted_since(node, since)
    }

    /// Where times are counted from: the fault, or the end if none came.
    pub fn origin(&self) -> Instant {
        self.fault_at.unwrap_or(self.ended_at)
    }
}
