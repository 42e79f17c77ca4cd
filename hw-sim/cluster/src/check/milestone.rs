//! What was reached on the way: a search that never sees a warrant proves nothing about warrants.

use std::sync::atomic::{AtomicU64, Ordering};

use palisade_fencer_core::news::News;
use palisade_protocol::wire::ProofKind;

/// One thing worth reaching.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Milestone {
    /// A watchdog bit.
    Bitten,
    /// An agent reset its machine for a late pet.
    FencedSelf,
    /// A majority was bound.
    Warranted,
    /// A case was dropped because its target was heard again.
    Cleared,
    /// A command to switch off left under a warrant.
    SwitchedOff,
    /// A command to switch on left under a warrant.
    SwitchedOn,
    /// A fenced node's next life was granted a lease.
    Rejoined,
    /// Proven over by power.
    ProvenByPower,
    /// Proven over by promises that ended.
    ProvenByLease,
    /// Proven over by the next life.
    ProvenByRebirth,
}

impl Milestone {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Bitten,
        Self::FencedSelf,
        Self::Warranted,
        Self::Cleared,
        Self::SwitchedOff,
        Self::SwitchedOn,
        Self::Rejoined,
        Self::ProvenByPower,
        Self::ProvenByLease,
        Self::ProvenByRebirth,
    ];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bitten => "bitten",
            Self::FencedSelf => "fenced self",
            Self::Warranted => "warranted",
            Self::Cleared => "cleared",
            Self::SwitchedOff => "switched off",
            Self::SwitchedOn => "switched on",
            Self::Rejoined => "rejoined",
            Self::ProvenByPower => "proven by power",
            Self::ProvenByLease => "proven by lease",
            Self::ProvenByRebirth => "proven by rebirth",
        }
    }

    /// What a proof reaches; nothing if no death stands behind it.
    pub(super) const fn of_proof(kind: ProofKind) -> Option<Self> {
        match kind {
            ProofKind::PowerOff => Some(Self::ProvenByPower),
            ProofKind::LeaseExpired => Some(Self::ProvenByLease),
            ProofKind::Reborn => Some(Self::ProvenByRebirth),
            ProofKind::Left | ProofKind::Operator => None,
        }
    }

    /// What a fencer's news reaches, if anything.
    pub(super) fn of_news(news: &News) -> Option<Self> {
        let warranted = matches!(news, News::Warranted { .. }).then_some(Self::Warranted);
        let cleared = matches!(news, News::Cleared { .. }).then_some(Self::Cleared);
        let rejoined = matches!(news, News::Admitted { rejoined: true, .. });
        warranted.or(cleared).or(rejoined.then_some(Self::Rejoined))
    }
}

/// How often each was reached, counted by all threads.
#[derive(Debug, Default)]
pub(super) struct Milestones([AtomicU64; Milestone::ALL.len()]);

impl Milestones {
    pub(super) fn count(&self, reached: &[Milestone]) {
        for milestone in reached {
            if let Some(counter) = self.0.get(*milestone as usize) {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn all(&self) -> Vec<(Milestone, u64)> {
        let counts = self.0.iter().map(|counter| counter.load(Ordering::Relaxed));
        Milestone::ALL.into_iter().zip(counts).collect()
    }
}
