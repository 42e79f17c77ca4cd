//! The paper for a power command.

use core::fmt;

use palisade_protocol::ids::{BootId, NodeId};
use palisade_protocol::time::Instant;

/// What is to be done with a node's power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PowerAct {
    /// Cut it: chassis control, power down. Needs a warrant.
    Off,
    /// Read it.
    Read,
    /// Give it back: chassis control, power up. Needs a warrant.
    On,
}

/// One order to the power engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PowerOrder {
    /// Its name; reports carry it back.
    pub id: OrderId,
    /// What to do.
    pub act: PowerAct,
}

/// The name of an order: never used twice within one start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId {
    /// The node.
    pub target: NodeId,
    /// The case it belongs to: one BMC session each.
    pub case: u32,
    /// Its number within the case.
    pub number: u32,
}

/// Leave to send one power command, now.
///
/// Written by [`FencerCore::warrant`](crate::FencerCore::warrant) alone, on the agreement of a
/// majority of the configured voters, right before the command leaves; spent by being moved there.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a warrant that is not used is lost"]
pub struct FenceWarrant {
    order: PowerOrder,
    boot: BootId,
    expires_at: Instant,
}

impl FenceWarrant {
    pub(crate) const fn new(order: PowerOrder, boot: BootId, expires_at: Instant) -> Self {
        Self { order, boot, expires_at }
    }

    /// The order it allows.
    pub const fn order(&self) -> PowerOrder {
        self.order
    }

    /// The node.
    pub const fn target(&self) -> NodeId {
        self.order.id.target
    }

    /// The condemned life.
    pub const fn boot(&self) -> BootId {
        self.boot
    }

    /// When it is void.
    pub const fn expires_at(&self) -> Instant {
        self.expires_at
    }
}

/// Why there is no warrant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Void {
    /// The order is not the one that stands, or needs none.
    NoSuchOrder,
    /// It was pulled before.
    Spent,
    /// No majority agrees, or its agreement has expired.
    NoMajority,
    /// This fencer stood still too long to trust its own clock and ears.
    Paused,
    /// The life is proven over by other means.
    Over,
}

impl fmt::Display for Void {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NoSuchOrder => "the order no longer stands",
            Self::Spent => "the warrant of this order was used",
            Self::NoMajority => "no majority of voters agrees any longer",
            Self::Paused => "this fencer stood still and must hear its peers first",
            Self::Over => "the node is proven dead by other means",
        })
    }
}
