//! What happened, and whether every promise held.

use std::fmt;

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
        /// Which life of it.
        boot: BootId,
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
    /// The service runs here from now on.
    Promoted {
        /// Where.
        node: NodeId,
    },
    /// A machine came up.
    Booted {
        /// Which.
        node: NodeId,
        /// Its new life.
        boot: BootId,
    },
    /// Somebody or something broke or mended a thing.
    Struck {
        /// What was done.
        what: String,
    },
}

impl fmt::Display for Fact {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent { node, news } => write!(out, "agent of {node}: {news:?}"),
            Self::Fencer { node, news } => write!(out, "fencer of {node}: {news:?}"),
            Self::Proven { by, target, kind, .. } => {
                write!(out, "fencer of {by} holds the proof {} of {target}", kind.name())
            }
            Self::Commanded { by, target, act } => {
                write!(out, "fencer of {by} sends {act:?} to the BMC of {target}")
            }
            Self::PoweredOff { node } => write!(out, "{node} loses its power"),
            Self::Bitten { node } => write!(out, "the watchdog of {node} bites"),
            Self::FencedSelf { node, reason } => write!(out, "{node} ends its own life: {reason}"),
            Self::Promoted { node } => write!(out, "the service runs on {node}"),
            Self::Booted { node, boot } => write!(out, "{node} is up, boot {boot}"),
            Self::Struck { what } => write!(out, "* {what}"),
        }
    }
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

/// How often each promise was judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// Proofs, against the lives that ran.
    pub s1: u64,
    /// Armed lives, against the promises of a majority.
    pub s2: u64,
    /// Power commands, against the disks.
    pub s3: u64,
    /// Falls of power, against the condemned lives.
    pub s4: u64,
    /// Runs in which nobody may be fenced.
    pub s5: u64,
    /// Corrupt and stale datagrams, against what they caused.
    pub s6: u64,
    /// Writes, against the owner of the shared disk.
    pub one_writer: u64,
    /// Permanent faults, against the bound of their proof.
    pub l1: u64,
    /// Healings, against the bound of admission.
    pub l2: u64,
}

impl Checks {
    /// The sum of two counts.
    pub const fn add(&mut self, other: &Self) {
        self.s1 += other.s1;
        self.s2 += other.s2;
        self.s3 += other.s3;
        self.s4 += other.s4;
        self.s5 += other.s5;
        self.s6 += other.s6;
        self.one_writer += other.one_writer;
        self.l1 += other.l1;
        self.l2 += other.l2;
    }

    /// Each promise by its name.
    pub const fn named(&self) -> [(&'static str, u64); 9] {
        [
            ("S1", self.s1),
            ("S2", self.s2),
            ("S3", self.s3),
            ("S4", self.s4),
            ("S5", self.s5),
            ("S6", self.s6),
            ("one-writer", self.one_writer),
            ("L1", self.l1),
            ("L2", self.l2),
        ]
    }
}

/// The judge of one world.
#[derive(Debug, Default)]
pub(super) struct Judge {
    facts: Vec<(Instant, Fact)>,
    verdict: Verdict,
    pub(super) checks: Checks,
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

    /// S1: nobody holds a proof of a life that still runs; nor, of one that has left, while its
    /// service writes.
    pub(super) fn proven(
        &mut self,
        at: Instant,
        by: NodeId,
        proof: &Proof,
        (running, writes): (Option<BootId>, bool),
    ) {
        self.checks.s1 += 1;
        let (target, kind) = (proof.target(), proof.kind());
        let could_act = match kind {
            ProofKind::PowerOff | ProofKind::LeaseExpired | ProofKind::Reborn => true,
            ProofKind::Left | ProofKind::Operator => writes,
        };
        if running == Some(proof.boot()) && could_act {
            self.broken("S1", at, format!("{by} holds {kind:?} of {target}, which runs"));
        }
        self.note(at, Fact::Proven { by, target, boot: proof.boot(), kind });
    }

    /// S2: an armed life is over before the promises of a majority are.
    pub(super) fn leased(&mut self, at: Instant, node: NodeId, ends: Instant) {
        self.checks.s2 += 1;
        if at > ends {
            let why = format!(
                "{node} lives, and the promises of a majority to it ended {:?} ago",
                at.since(ends)
            );
            self.broken("S2", at, why);
        }
    }

    /// S2: nor is it kept alive once its agent knows that its service has failed.
    pub(super) fn petted(&mut self, at: Instant, node: NodeId, failed: bool) {
        self.checks.s2 += 1;
        if failed {
            self.broken(
                "S2",
                at,
                format!("{node} is petted, and its service is known to have failed"),
            );
        }
    }

    /// S3, S4: a majority has the condemnation on its disks, and the command meets no other life.
    pub(super) fn commanded(
        &mut self,
        at: Instant,
        by: NodeId,
        warrant: &FenceWarrant,
        (condemned_by_majority, wrong_life): (bool, bool),
    ) {
        self.checks.s3 += 1;
        let target = warrant.target();
        let act = warrant.order().act;
        if !condemned_by_majority {
            self.broken("S3", at, format!("{by} commands {act:?} at {target} without a majority"));
        }
        if act == PowerAct::Off && wrong_life {
            self.broken("S4", at, format!("{by} switches {target} off in a life not condemned"));
        }
        self.note(at, Fact::Commanded { by, target, act });
    }

    /// S4: power falls under no life that a majority supports and has not condemned.
    pub(super) fn fell(&mut self, at: Instant, node: NodeId, wrong_life: bool) {
        self.checks.s4 += 1;
        if wrong_life {
            self.broken("S4", at, format!("{node} is cut off in a life that was not condemned"));
        }
    }

    /// S6: what is corrupt or stale decides nothing.
    pub(super) fn stale(&mut self, at: Instant, node: NodeId, what: Option<&str>) {
        self.checks.s6 += 1;
        if let Some(what) = what {
            self.broken("S6", at, format!("{what} at {node}"));
        }
    }

    /// Whoever writes is the owner.
    pub(super) fn wrote(&mut self, at: Instant, node: NodeId, owns: bool) {
        self.checks.one_writer += 1;
        if !owns {
            self.broken("one-writer", at, format!("{node} writes, and another node owns the disk"));
        }
    }

    pub(super) fn broken(&mut self, promise: &'static str, at: Instant, why: String) {
        if self.verdict == Verdict::Held {
            self.verdict = Verdict::Broken { promise, at, why };
        }
    }
}
