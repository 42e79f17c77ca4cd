//! What a world is made of.

use palisade_protocol::ids::{LinkId, NodeId};
use palisade_protocol::time::Duration;
use palisade_protocol::timing::TimingRaw;

use super::{FIRE, FLIGHT, LINKS, timing_raw};

/// The machines of a world and their ways.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Nodes with an agent: numbers 1 to this.
    pub members: u8,
    /// Nodes with a fencer: numbers 1 to this; those beyond the members are witnesses.
    pub voters: u8,
    /// Where all chance comes from.
    pub seed: u64,
    /// Redundant links.
    pub links: u8,
    /// The numbers of the configuration.
    pub raw: TimingRaw,
    /// `W` of every machine: from the last pet to the bite.
    pub fire: Duration,
    /// How long a datagram is under way at least.
    pub flight: Duration,
    /// How wrong a machine's clock may be, either way; each life draws its own.
    pub drift_ppm: u32,
    /// Nodes that are virtual machines: their watchdog stands still while they are paused.
    pub virtual_nodes: Vec<NodeId>,
    /// Whether a service is to run on one node at a time, taken over on a proof alone.
    pub has_service: bool,
    /// Whether disks begin empty and known to be so; otherwise their memory counts as lost.
    pub disks_known: bool,
    /// From the order to end the own life to its end.
    pub self_fence: Duration,
    /// From power-on or reset to running daemons.
    pub boot: Duration,
    /// Fences of a node within an hour after which it is left off.
    pub fences_per_hour_max: u8,
}

impl Shape {
    /// The world of the stories: clocks that agree, physical machines, two links, no service.
    pub fn plain(members: u8, voters: u8, seed: u64) -> Self {
        Self {
            members,
            voters,
            seed,
            links: LINKS,
            raw: timing_raw(),
            fire: FIRE,
            flight: FLIGHT,
            drift_ppm: 0,
            virtual_nodes: Vec::new(),
            has_service: false,
            disks_known: false,
            self_fence: Duration::ZERO,
            boot: Duration::from_millis(800),
            fences_per_hour_max: 3,
        }
    }

    /// All nodes.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        (1..=self.members.max(self.voters)).filter_map(NodeId::new)
    }

    /// The links.
    pub fn link_ids(&self) -> impl Iterator<Item = LinkId> + use<> {
        (0..self.links).filter_map(LinkId::new)
    }

    /// The nodes with an agent.
    pub fn member_nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        (1..=self.members).filter_map(NodeId::new)
    }

    /// The nodes with a fencer.
    pub fn voter_nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        (1..=self.voters).filter_map(NodeId::new)
    }
}
