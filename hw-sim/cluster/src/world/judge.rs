//! What happened, and whether every promise held.

use palisade_agent_core::news::News as AgentNews;
use palisade_agent_core::pet::SelfFence;
use palisade_fencer_core::news::News as FencerNews;
use palisade_fencer_core::{FenceWarrant, PowerAct, Proof};
use palisade_protocol::ids::{BootId, NodeId};
use palisade_protocol::time::Instant;
use palisade_protocol::wire::ProofKind;

/// One thing that was noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// An agent told something.
    Agent {
        /// Whose.
        node: NodeId,
        /// What.
        news: AgentNews,
    },
    /// A fencer told something.
    Fencer {
        /// Whose.
        node: NodeId,
        /// What.
        news: FencerNews,
    },
    /// A fencer holds a proof.
    Proven {
        /// Whose fencer.
        by: NodeId,
        /// About whom.
        target: NodeId,
        /// Which proof.
        kind: ProofKind,
    },
    /// A power command left a fencer.
    Commanded {
        /// Whose.
        by: NodeId,
        /// Against whom.
        target: NodeId,
        /// What.
        act: PowerAct,
    },
    /// A machine lost its power.
    PoweredOff {
        /// Which.
        node: NodeId,
    },
    /// A watchdog bit.
    Bitten {
        /// Whose.
        node: NodeId,
    },
    /// An agent ended its machine's life.
    FencedSelf {
        /// Whose.
        node: NodeId,
        /// Why.
        reason: SelfFence,
    },
}

/// Whether every promise has held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// They have.
    #[default]
    Held,
    /// One has not.
    Broken {
        /// Its name.
        promise: &'static str,
        /// When.
        at: Instant,
        /// What was so.
        why: String,
    },
}

/// The judge of one world.
#[derive(Debug, Default)]
pub(super) struct Judge {
    facts: Vec<(Instant, Fact)>,
    verdict: Verdict,
}

impl Judge {
    pub(super) fn facts(&self) -> &[(Instant, Fact)] {
        &self.facts
    }

    pub(super) const fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    pub(super) fn note(&mut self, at: Instant, fact: Fact) {
        self.facts.push((at, fact));
    }

    /// S1: nobody holds a proof of a life that still runs.
    pub(super) fn proven(
        &mut self,
        at: Instant,
        by: NodeId,
        proof: &Proof,
        running: Option<BootId>,
    ) {
        let (target, kind) = (proof.target(), proof.kind());
        let could_act = kind != ProofKind::Left && kind != ProofKind::Operator;
        if running == Some(proof.boot()) && could_act {
            self.broken("S1", at, format!("{by} holds {kind:?} of {target}, which runs"));
        }
        self.note(at, Fact::Proven { by, target, kind });
    }

    /// S3, S4: a majority has the condemnation on its disks, and the command meets no other life.
    pub(super) fn commanded(
        &mut self,
        at: Instant,
        by: NodeId,
        warrant: &FenceWarrant,
        (running, condemned_by_majority): (Option<BootId>, bool),
    ) {
        let (target, boot) = (warrant.target(), warrant.boot());
        let act = warrant.order().act;
        if !condemned_by_majority {
            self.broken("S3", at, format!("{by} commands {act:?} at {target} without a majority"));
        }
        if act == PowerAct::Off && running.is_some_and(|running| running != boot) {
            self.broken("S4", at, format!("{by} switches {target} off in a life not condemned"));
        }
        self.note(at, Fact::Commanded { by, target, act });
    }

    fn broken(&mut self, promise: &'static str, at: Instant, why: String) {
        if self.verdict == Verdict::Held {
            self.verdict = Verdict::Broken { promise, at, why };
        }
    }
}
