//! What the fencer is told when it starts.

use heapless::Vec;
use palisade_protocol::ids::{NODES_MAX, NodeId, Start, VOTERS_MAX};
use palisade_protocol::time::Duration;
use palisade_protocol::timing::Timing;

/// The fencer's own view of the configuration.
#[derive(Clone, Debug, Hash)]
pub struct FencerConfig {
    /// The node it runs on.
    pub me: NodeId,
    /// This start of it.
    pub start: Start,
    /// All configured voters, this one too.
    pub voters: Vec<NodeId, VOTERS_MAX>,
    /// All configured members.
    pub members: Vec<MemberConfig, NODES_MAX>,
    /// The checked timing.
    pub timing: Timing,
    /// Whether a fenced node is powered on again.
    pub power_on: bool,
    /// Fences of one node within an hour after which the next one waits for an operator.
    pub fences_per_hour_max: u8,
    /// Cases that may be open at once; at most [`CASES_MAX`](palisade_protocol::ids::CASES_MAX).
    pub fences_at_once_max: u8,
    /// Digest of the configuration, for peers to compare.
    pub digest: u32,
}

/// One member, to its fencers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemberConfig {
    /// Which node.
    pub node: NodeId,
    /// Whether its power can be cut.
    pub has_power_device: bool,
    /// `W`: longest from its last pet to its death.
    pub fire: Duration,
}

impl FencerConfig {
    /// The slowest watchdog of all members.
    pub(crate) fn slowest_fire(&self) -> Duration {
        self.members.iter().map(|member| member.fire).max().unwrap_or(Duration::ZERO)
    }
}
