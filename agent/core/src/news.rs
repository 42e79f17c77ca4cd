//! What changed, for whoever tells people: said once, when it changes.

use palisade_protocol::ids::NodeId;
use palisade_protocol::time::Duration;
use palisade_protocol::wire::{Verdict, Withheld};

use crate::health::Answer;
use crate::pet::SelfFence;

/// One change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// A majority grants leases to this node, for the first time or again.
    QuorumGained,
    /// It does no longer: the newest lease of a majority is older than a healthy one may be.
    QuorumLost {
        /// Voters that granted lately.
        granted: u8,
        /// Voters that make a majority.
        needed: u8,
    },
    /// A voter has admitted this agent.
    Admitted {
        /// Which.
        voter: NodeId,
    },
    /// A voter does not grant.
    Withheld {
        /// Which.
        voter: NodeId,
        /// Why.
        why: Withheld,
    },
    /// Two processes claim to be this voter.
    TwinVoter {
        /// Which.
        voter: NodeId,
    },
    /// The judgement of the health check changed.
    Health {
        /// What it is now.
        verdict: Verdict,
        /// The answer that changed it, if one did.
        answer: Option<Answer>,
    },
    /// The loop came to its beat late.
    Stalled {
        /// By how much.
        late_by: Duration,
    },
    /// This node asks the fencers to take over from it.
    TakeoverRequested,
    /// This node ends its own life.
    FencingSelf(SelfFence),
    /// The order to leave is refused: the service runs here.
    LeaveRefused,
    /// The lease is given up; a majority must note it before the watchdog is disarmed.
    Leaving,
    /// A majority has noted it.
    Left,
}
