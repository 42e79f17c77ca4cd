//! The paper that says a life is over, and on what grounds.

use core::fmt;

use palisade_protocol::ids::{BootId, NodeId};
use palisade_protocol::time::Instant;
use palisade_protocol::wire::ProofKind;

/// That one life of one node is over: whoever holds it may take over what that life owned.
///
/// Written by [`FencerCore`](crate::FencerCore) alone, once for each fenced life; cannot be copied.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "somebody waits for this proof"]
pub struct Proof {
    target: NodeId,
    boot: BootId,
    at: Instant,
    evidence: Evidence,
}

/// On what grounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The BMC obeyed off and read off twice, all in one session opened under the warrant.
    PowerOff {
        /// When the session was opened.
        session_at: Instant,
        /// When off was obeyed.
        obeyed_at: Instant,
        /// When the first reading was asked for.
        first_off_at: Instant,
        /// When the second was.
        second_off_at: Instant,
    },
    /// Every promise of a condemning majority has ended; the node's watchdog was armed, certified
    /// and physical by its last granted word to each of them.
    LeaseExpired {
        /// How many voters' promises have ended.
        voters: u8,
    },
    /// The node was heard in a new life.
    Reborn {
        /// Which.
        boot: BootId,
    },
    /// It had left.
    Left,
    /// A human confirmed it.
    Operator,
    /// Another voter holds the proof.
    Reported {
        /// Which.
        by: NodeId,
        /// What it holds.
        kind: ProofKind,
    },
}

impl Proof {
    pub(crate) const fn new(target: NodeId, boot: BootId, at: Instant, evidence: Evidence) -> Self {
        Self { target, boot, at, evidence }
    }

    /// The node.
    pub const fn target(&self) -> NodeId {
        self.target
    }

    /// The life that is over.
    pub const fn boot(&self) -> BootId {
        self.boot
    }

    /// When this voter knew.
    pub const fn at(&self) -> Instant {
        self.at
    }

    /// On what grounds.
    pub const fn evidence(&self) -> Evidence {
        self.evidence
    }

    /// Which of the five proofs.
    pub const fn kind(&self) -> ProofKind {
        self.evidence.kind()
    }
}

impl Evidence {
    /// Which of the five proofs.
    pub const fn kind(&self) -> ProofKind {
        match self {
            Self::PowerOff { .. } => ProofKind::PowerOff,
            Self::LeaseExpired { .. } => ProofKind::LeaseExpired,
            Self::Reborn { .. } => ProofKind::Reborn,
            Self::Left => ProofKind::Left,
            Self::Operator => ProofKind::Operator,
            Self::Reported { kind, .. } => *kind,
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PowerOff { obeyed_at, first_off_at, second_off_at, .. } => write!(
                out,
                "power-off: obeyed at {obeyed_at}, read off at {first_off_at} and {second_off_at}"
            ),
            Self::LeaseExpired { voters } => write!(
                out,
                "lease-expired: the promises of {voters} voters have ended, its watchdog was armed, certified and physical"
            ),
            Self::Reborn { boot } => write!(out, "reborn: heard in its new life {boot}"),
            Self::Left => out.write_str("left"),
            Self::Operator => out.write_str("operator: confirmed by a human"),
            Self::Reported { by, kind } => {
                write!(out, "{}: proven to the fencer of {by}", kind.name())
            }
        }
    }
}
