//! What was reached on the way: a search that never sees a warrant proves nothing about warrants.

use palisade_fencer_core::news::News;
use palisade_protocol::wire::ProofKind;

/// One thing worth reaching.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Milestone {
    /// A watchdog bit.
    Bitten,
    /// An agent reset its machine for a late pet.
    FencedSelf,
    /// A dog was disarmed after a leaving.
    Left,
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
    /// Proven to have left.
    ProvenByLeaving,
    /// Proven over by a human's word.
    ProvenByOperator,
}

impl Milestone {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Bitten,
        Self::FencedSelf,
        Self::Left,
        Self::Warranted,
        Self::Cleared,
        Self::SwitchedOff,
        Self::SwitchedOn,
        Self::Rejoined,
        Self::ProvenByPower,
        Self::ProvenByLease,
        Self::ProvenByRebirth,
        Self::ProvenByLeaving,
        Self::ProvenByOperator,
    ];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bitten => "bitten",
            Self::FencedSelf => "fenced self",
            Self::Left => "left",
            Self::Warranted => "warranted",
            Self::Cleared => "cleared",
            Self::SwitchedOff => "switched off",
            Self::SwitchedOn => "switched on",
            Self::Rejoined => "rejoined",
            Self::ProvenByPower => "proven by power",
            Self::ProvenByLease => "proven by lease",
            Self::ProvenByRebirth => "proven by rebirth",
            Self::ProvenByLeaving => "proven by leaving",
            Self::ProvenByOperator => "proven by operator",
        }
    }

    /// What a proof reaches.
    pub(super) const fn of_proof(kind: ProofKind) -> Self {
        match kind {
            ProofKind::PowerOff => Self::ProvenByPower,
            ProofKind::LeaseExpired => Self::ProvenByLease,
            ProofKind::Reborn => Self::ProvenByRebirth,
            ProofKind::Left => Self::ProvenByLeaving,
            ProofKind::Operator => Self::ProvenByOperator,
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
