//! The paper for a pet, and the reasons for which there is none.
//!
//! A pet is illegal unless the watchdog would fire before the promise ends.

use core::fmt;

use palisade_protocol::time::{Duration, Instant};
use palisade_protocol::wire::Verdict;

/// Leave to pet once, now.
///
/// Written by [`AgentCore::pet_decision`](crate::AgentCore::pet_decision) alone and handed back
/// with the time at which the pet was complete; cannot be copied, so a pet cannot be repeated on
/// the strength of it.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a permit that is not handed back leaves a pet untimed"]
pub struct PetPermit {
    tested_at: Instant,
    promise_ends: Instant,
}

impl PetPermit {
    pub(crate) const fn new(tested_at: Instant, promise_ends: Instant) -> Self {
        Self { tested_at, promise_ends }
    }

    /// When the test was made.
    pub const fn tested_at(&self) -> Instant {
        self.tested_at
    }

    /// When the majority's promise ends at the latest, by this node's clock.
    pub const fn promise_ends(&self) -> Instant {
        self.promise_ends
    }
}

/// Why a pet is refused: a value that the agent lives with, not an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No majority has granted anything to this start of the agent, or, if its watchdog sleeps, none
    /// does at this moment.
    NoQuorum {
        /// Voters that granted something lately.
        granted: u8,
        /// Voters that make a majority.
        needed: u8,
    },
    /// A majority renews, and has not for long enough to wake a watchdog that sleeps.
    QuorumYoung {
        /// For how long it has.
        renewed_for: Duration,
        /// For how long it must have, and longer.
        needed: Duration,
    },
    /// The majority's promise would end before a pet of now was used up.
    LeaseOld {
        /// When the majority-th newest granted renewal was sent.
        granted_at: Instant,
        /// By how much the watchdog would outlive the promise.
        short_by: Duration,
    },
    /// The service is not known to be healthy.
    Unhealthy {
        /// What is known.
        verdict: Verdict,
    },
    /// This node ends its own life.
    FencingSelf,
    /// The lease was given up.
    Left,
}

impl Refusal {
    /// Whether `other` is refused for the same reason, whatever the numbers.
    pub fn same_reason(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unhealthy { verdict }, Self::Unhealthy { verdict: other }) => verdict == other,
            (one, other) => core::mem::discriminant(one) == core::mem::discriminant(other),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoQuorum { granted, needed } => {
                write!(out, "no quorum: {granted} of the {needed} voters needed grant a lease")
            }
            Self::QuorumYoung { renewed_for, needed } => write!(
                out,
                "quorum for {} ms: the watchdog is started after {} ms of it",
                renewed_for.as_millis(),
                needed.as_millis()
            ),
            Self::LeaseOld { granted_at, short_by } => write!(
                out,
                "quorum lost: the newest lease of a majority was asked for at {granted_at}, {} ms too early for a pet",
                short_by.as_millis()
            ),
            Self::Unhealthy { verdict } => write!(out, "the service is {verdict:?}"),
            Self::FencingSelf => out.write_str("this node is ending its own life"),
            Self::Left => out.write_str("the lease was given up"),
        }
    }
}

/// Why a node ends its own life at once instead of waiting for the bite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelfFence {
    /// A pet was complete only so long after its test that the watchdog may outlive the promise.
    LatePet {
        /// Test to completion.
        took: Duration,
        /// `σ`, the longest accepted.
        accepted: Duration,
    },
    /// A majority has called this life condemned for as long as a promise: it will never be served.
    Condemned {
        /// How many do.
        voters: u8,
    },
}

impl fmt::Display for SelfFence {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LatePet { took, accepted } => write!(
                out,
                "a pet took {} ms from its test, {} ms are accepted",
                took.as_millis(),
                accepted.as_millis()
            ),
            Self::Condemned { voters } => write!(
                out,
                "{voters} voters have condemned this life of the node, so it is never served again"
            ),
        }
    }
}
