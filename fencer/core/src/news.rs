//! What changed, for whoever tells people: said once, when it changes.

use palisade_protocol::ids::{BootId, LinkId, NodeId, Peer};
use palisade_protocol::time::Duration;
use palisade_protocol::wire::{ProofKind, Why};

/// One change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// This voter grants to a life of a member, for the first time.
    Admitted {
        /// The member.
        node: NodeId,
        /// Which life of it.
        boot: BootId,
        /// Whether an earlier life of it was fenced.
        rejoined: bool,
    },
    /// A member gave its lease up.
    Left {
        /// Which.
        node: NodeId,
    },
    /// A member was granted nothing for too long.
    Suspected {
        /// Which.
        target: NodeId,
        /// For how long.
        silent_for: Duration,
    },
    /// It was heard again, and nobody had agreed.
    Cleared {
        /// Which.
        target: NodeId,
    },
    /// A case was opened for another reason than silence.
    Ordered {
        /// Against whom.
        target: NodeId,
        /// Why.
        why: Why,
    },
    /// An order was not taken.
    OrderRefused {
        /// Against whom.
        target: NodeId,
        /// Why not.
        because: Refused,
    },
    /// A majority agrees: the life may be ended.
    Warranted {
        /// Whose.
        target: NodeId,
        /// Which.
        boot: BootId,
        /// How many voters agree.
        votes: u8,
    },
    /// The power was read off twice.
    OffVerified {
        /// Whose.
        target: NodeId,
    },
    /// A life is proven over.
    Fenced {
        /// Whose.
        target: NodeId,
        /// Which.
        boot: BootId,
        /// By what.
        proof: ProofKind,
    },
    /// The machine is on again.
    OnVerified {
        /// Which.
        target: NodeId,
    },
    /// Nothing could be proven for long; it is tried on.
    Failed {
        /// About whom.
        target: NodeId,
    },
    /// A voter came back, or is here for the first time.
    VoterHeard {
        /// Which.
        voter: NodeId,
    },
    /// A voter was not heard for too long.
    VoterLost {
        /// Which.
        voter: NodeId,
    },
    /// A peer is heard, and not over this link.
    LinkLost {
        /// From whom.
        peer: Peer,
        /// Which.
        link: LinkId,
    },
    /// It is heard over it again.
    LinkBack {
        /// From whom.
        peer: Peer,
        /// Which.
        link: LinkId,
    },
    /// Somebody should get up.
    Alarm(Alarm),
    /// The hold after the start is over: this voter grants and agrees.
    HoldOver,
    /// This fencer's loop stood still; silence counts from now.
    Stalled {
        /// For how long.
        late_by: Duration,
    },
}

/// Why an order is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No such member is configured.
    Unknown,
    /// No life of it was ever seen: nothing to end.
    NeverSeen,
    /// This fencer's own node is condemned, or is the target.
    NotFromHere,
    /// As many cases as allowed are open.
    TooMany,
    /// A node that speaks is not dead, whoever says so.
    StillHeard,
}

/// What somebody should get up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// Two machines or two processes claim to be one.
    Twin {
        /// Whom.
        peer: Peer,
    },
    /// A life that was proven over still speaks.
    Zombie {
        /// Whose.
        node: NodeId,
    },
    /// A peer runs with another configuration.
    ConfigDiffers {
        /// Which.
        peer: Peer,
    },
    /// A node was fenced too often; it is left alone until an operator orders it.
    FenceLoop {
        /// Which.
        target: NodeId,
    },
    /// More nodes are lost at once than may be fenced.
    TooMany {
        /// The one that waits.
        target: NodeId,
    },
    /// The disk did not take a condemnation.
    DiskFailed,
    /// A machine does not come up again.
    StaysOff {
        /// Which.
        target: NodeId,
    },
}
