//! What is about to happen within a tick, in order.

use std::fmt;
use std::sync::Arc;

use palisade_fencer_core::power::PowerReport;
use palisade_fencer_core::{DurableState, OrderId, PowerAct, PowerOrder};
use palisade_protocol::ids::{BootId, NodeId, Peer, Start};
use palisade_protocol::time::Instant;
use palisade_protocol::wire::{Body, Frame};

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A machine that has power starts.
    Boot { node: NodeId },
    /// A fencer that was stopped starts again.
    StartFencer { node: NodeId },
    /// An agent that left starts again in the same life.
    StartAgent { node: NodeId, boot: BootId },
    /// A service answers its check.
    Probed { node: NodeId, start: Start, asked_at: Instant },
    /// The power of a machine comes back.
    Returns { node: NodeId },
    /// The power of a machine falls.
    Falls { node: NodeId, condemned: BootId },
    /// The agent gets the processor: it keeps time, asks, and pets.
    AgentTurn { node: NodeId },
    /// The dogs that are due at this very instant bite.
    Bites,
    /// The fencer gets the processor.
    FencerTurn { node: NodeId },
    /// A frame arrives.
    Arrive { to: Peer, frame: Frame },
    /// A fencer's disk has a state.
    Written { node: NodeId, run: u32, state: Arc<DurableState> },
    /// A fencer's power engine obeys an order.
    Obey { node: NodeId, run: u32, order: PowerOrder },
    /// It reports.
    Report { node: NodeId, run: u32, order: OrderId, report: PowerReport },
}

/// An event and its fingerprint.
#[derive(Clone, Debug)]
pub(super) struct Due {
    pub(super) event: Event,
    pub(super) print: u64,
}

impl Event {
    /// What tells this event from every other.
    pub(super) fn due(self) -> Due {
        use super::hash::fingerprint;
        let print = match &self {
            Self::Boot { node } => fingerprint(&(0, node)),
            Self::StartFencer { node } => fingerprint(&(1, node)),
            Self::Falls { node, condemned } => fingerprint(&(2, node, condemned)),
            Self::AgentTurn { node } => fingerprint(&(3, node)),
            Self::Bites => fingerprint(&4),
            Self::FencerTurn { node } => fingerprint(&(5, node)),
            Self::Arrive { to, frame } => fingerprint(&(6, to, frame)),
            Self::Written { node, run, state } => fingerprint(&(7, node, run, state)),
            Self::Obey { node, run, order } => fingerprint(&(8, node, run, order)),
            Self::Report { node, run, order, report } => {
                fingerprint(&(9, (node, run, order), report))
            }
            Self::StartAgent { node, boot } => fingerprint(&(10, node, boot)),
            Self::Probed { node, start, asked_at } => fingerprint(&(11, node, start, asked_at)),
            Self::Returns { node } => fingerprint(&(12, node)),
        };
        Due { event: self, print }
    }

    /// The fencer that this event needs awake, if it needs one.
    pub(super) fn fencer(&self) -> Option<NodeId> {
        match self {
            Self::FencerTurn { node }
            | Self::Written { node, .. }
            | Self::Obey { node, .. }
            | Self::Report { node, .. } => Some(*node),
            Self::Arrive { to, .. } if *to == Peer::voter(to.node) => Some(to.node),
            Self::Arrive { .. }
            | Self::Boot { .. }
            | Self::StartFencer { .. }
            | Self::StartAgent { .. }
            | Self::Probed { .. }
            | Self::Returns { .. }
            | Self::Falls { .. }
            | Self::AgentTurn { .. }
            | Self::Bites => None,
        }
    }

    /// The agent that this event needs awake, if it needs one.
    pub(super) fn agent(&self) -> Option<NodeId> {
        match self {
            Self::AgentTurn { node } | Self::Probed { node, .. } => Some(*node),
            Self::Arrive { to, .. } if *to == Peer::member(to.node) => Some(to.node),
            Self::Arrive { .. }
            | Self::Boot { .. }
            | Self::StartFencer { .. }
            | Self::StartAgent { .. }
            | Self::Returns { .. }
            | Self::Falls { .. }
            | Self::Bites
            | Self::FencerTurn { .. }
            | Self::Written { .. }
            | Self::Obey { .. }
            | Self::Report { .. } => None,
        }
    }
}

/// In words.
impl fmt::Display for Event {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boot { node } => write!(out, "{node} starts"),
            Self::StartFencer { node } => write!(out, "fencer of {node} starts"),
            Self::StartAgent { node, .. } => write!(out, "agent of {node} starts again"),
            Self::Probed { node, .. } => write!(out, "the service of {node} answers"),
            Self::Returns { node } => write!(out, "the power of {node} comes back"),
            Self::Falls { node, .. } => write!(out, "the power of {node} falls"),
            Self::AgentTurn { node } => write!(out, "agent of {node} has its turn"),
            Self::Bites => out.write_str("dogs that are due bite"),
            Self::FencerTurn { node } => write!(out, "fencer of {node} has its turn"),
            Self::Arrive { to, frame } => {
                write!(out, "{} -> {to}: {}", frame.src, Said(&frame.body))
            }
            Self::Written { node, state, .. } => {
                let version = state.version;
                write!(out, "the disk of {node} has version {version}")
            }
            Self::Obey { node, order, .. } => {
                write!(out, "fencer of {node} orders {:?} at {}", order.act, order.id.target)
            }
            Self::Report { node, order, report, .. } => {
                write!(out, "fencer of {node} hears from {}'s BMC: {report:?}", order.target)
            }
        }
    }
}

/// What a frame says, in short.
struct Said<'a>(&'a Body);

impl fmt::Display for Said<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = format!("{:?}", self.0);
        let routine = matches!(self.0, Body::Renew(_) | Body::Grant(_) | Body::Beat(_));
        out.write_str(whole.split_once('(').filter(|_| routine).map_or(&whole, |(kind, _)| kind))
    }
}

/// Whether an act is a command, which needs a warrant.
pub(super) const fn is_command(act: PowerAct) -> bool {
    matches!(act, PowerAct::Off | PowerAct::On)
}
