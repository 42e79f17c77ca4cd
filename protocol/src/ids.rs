//! Names of things on the wire, each a type of its own so that none is taken for another.
//!
//! Nothing here allocates names: nodes and links come from the configuration, boots from the
//! kernel, starts from the host's entropy.

use core::fmt;

use serde::{Deserialize, Serialize};

/// Most nodes one cluster may have: one bit each in a [`NodeMask`].
pub const NODES_MAX: usize = 64;

/// Most voters: seven survive the loss of three, and nobody runs more machines as witnesses.
pub const VOTERS_MAX: usize = 7;

/// Most redundant links between two nodes: two networks, a crossover cable and a serial line.
pub const LINKS_MAX: usize = 4;

const _: () = assert!(NODES_MAX == 64, "one bit per node in NodeMask");
const _: () = assert!(NODES_MAX < 0x80, "a node id leaves the role bit free");

/// Most cases one fencer pursues at a time. More nodes than this lost together is a switch that
/// failed, not nodes that died.
pub const CASES_MAX: usize = 4;

/// Most fences of one node remembered, to notice that it is fenced again and again.
pub const FENCES_REMEMBERED: usize = 16;

/// Marks the voter in a peer's byte on the wire.
const VOTER_BIT: u8 = 0x80;

/// A machine of the cluster, numbered 1 to 64 in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub struct NodeId(u8);

impl NodeId {
    /// The node numbered `id`, if that is 1 to [`NODES_MAX`].
    pub fn new(id: u8) -> Option<Self> {
        (1..=NODES_MAX).contains(&usize::from(id)).then_some(Self(id))
    }

    /// The number, 1 to 64.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl From<NodeId> for u8 {
    fn from(node: NodeId) -> Self {
        node.0
    }
}

/// A number that names no node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotANode(pub u8);

impl fmt::Display for NotANode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} names no node: allowed are 1 to {NODES_MAX}", self.0)
    }
}

impl TryFrom<u8> for NodeId {
    type Error = NotANode;

    fn try_from(id: u8) -> Result<Self, NotANode> {
        Self::new(id).ok_or(NotANode(id))
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "node {}", self.0)
    }
}

/// What a process does for the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// An agent: asks for leases.
    Member,
    /// A fencer: grants them.
    Voter,
}

/// One process of one node, as datagrams name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer {
    /// What it does.
    pub role: Role,
    /// Where it runs.
    pub node: NodeId,
}

impl Peer {
    /// The agent of `node`.
    pub const fn member(node: NodeId) -> Self {
        Self { role: Role::Member, node }
    }

    /// The fencer of `node`.
    pub const fn voter(node: NodeId) -> Self {
        Self { role: Role::Voter, node }
    }

    /// The byte that names this peer on the wire: bit 7 set for a voter, the node's id below it.
    pub const fn to_byte(self) -> u8 {
        match self.role {
            Role::Member => self.node.0,
            Role::Voter => self.node.0 | VOTER_BIT,
        }
    }

    /// Reads [`Self::to_byte`] back; nothing for an id out of range.
    pub fn from_byte(byte: u8) -> Option<Self> {
        let role = if byte & VOTER_BIT == 0 { Role::Member } else { Role::Voter };
        let node = NodeId::new(byte & !VOTER_BIT)?;
        Some(Self { role, node })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.role {
            Role::Member => write!(out, "agent of {}", self.node),
            Role::Voter => write!(out, "fencer of {}", self.node),
        }
    }
}

/// One of the redundant links, numbered from 0 in the order of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(u8);

impl LinkId {
    /// The link numbered `id`, if that is below [`LINKS_MAX`].
    pub fn new(id: u8) -> Option<Self> {
        (usize::from(id) < LINKS_MAX).then_some(Self(id))
    }

    /// The number, from 0.
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// The cluster a datagram belongs to: two bytes that keep neighbours apart before any key is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClusterTag(pub u16);

/// One life of a machine: from power-on or reset to power-off or reset.
///
/// Folded from the kernel's 128-bit random boot id; two lives of one node share an id with a chance
/// of 2⁻⁶⁴.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BootId(pub u64);

impl BootId {
    /// Folds `/proc/sys/kernel/random/boot_id`, read as one big-endian number.
    pub const fn from_kernel(boot_id: u128) -> Self {
        let [b0, b1, b2, b3, b4, b5, b6, b7, l0, l1, l2, l3, l4, l5, l6, l7] =
            boot_id.to_be_bytes();
        let high = u64::from_be_bytes([b0, b1, b2, b3, b4, b5, b6, b7]);
        let low = u64::from_be_bytes([l0, l1, l2, l3, l4, l5, l6, l7]);
        Self(high ^ low)
    }
}

impl fmt::Display for BootId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x}", self.0)
    }
}

/// One run of one process: a random number drawn when it starts. Never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Start(u32);

impl Start {
    /// The start numbered `random`; zero becomes one, because zero on the wire means "none".
    pub const fn new(random: u32) -> Self {
        if random == 0 { Self(1) } else { Self(random) }
    }

    /// The number, never zero.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// Position of a frame among all that one process sent to one peer, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u32);

/// A set of nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NodeMask(pub u64);

impl NodeMask {
    /// Nobody.
    pub const EMPTY: Self = Self(0);

    /// Whether `node` is in the set.
    pub fn has(self, node: NodeId) -> bool {
        self.0 & Self::bit(node) != 0
    }

    /// The set and `node`.
    #[must_use]
    pub fn with(self, node: NodeId) -> Self {
        Self(self.0 | Self::bit(node))
    }

    /// The set without `node`.
    #[must_use]
    pub fn without(self, node: NodeId) -> Self {
        Self(self.0 & !Self::bit(node))
    }

    /// How many nodes.
    pub fn len(self) -> usize {
        self.iter().count()
    }

    /// Whether nobody is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The nodes, lowest id first.
    pub fn iter(self) -> impl Iterator<Item = NodeId> {
        (1..=NODES_MAX)
            .filter_map(|id| NodeId::new(u8::try_from(id).ok()?))
            .filter(move |id| self.has(*id))
    }

    fn bit(node: NodeId) -> u64 {
        1_u64.rotate_left(u32::from(node.0)).rotate_right(1)
    }
}

impl FromIterator<NodeId> for NodeMask {
    fn from_iter<I: IntoIterator<Item = NodeId>>(nodes: I) -> Self {
        nodes.into_iter().fold(Self::EMPTY, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_has_one_byte_and_a_byte_has_at_most_one_peer() {
        for byte in 0..=u8::MAX {
            if let Some(peer) = Peer::from_byte(byte) {
                assert_eq!(peer.to_byte(), byte);
            }
        }
        assert_eq!(Peer::from_byte(0), None);
        assert_eq!(Peer::from_byte(65), None);
        assert_eq!(Peer::from_byte(0x80), None);
    }

    #[test]
    fn each_node_has_its_own_bit() {
        let all: NodeMask = (1..=64).filter_map(NodeId::new).collect();
        assert_eq!(all.len(), NODES_MAX);
        assert_eq!(all.iter().count(), NODES_MAX);
        let first = NodeId::new(1).unwrap();
        assert_eq!(NodeMask::EMPTY.with(first).0, 1);
        assert!(!all.without(first).has(first));
    }

    #[test]
    fn a_start_is_never_the_wires_none() {
        assert_eq!(Start::new(0).get(), 1);
    }

    #[test]
    fn both_halves_of_the_kernels_boot_id_count() {
        assert_ne!(BootId::from_kernel(1), BootId::from_kernel(2));
        assert_ne!(BootId::from_kernel(1 << 64), BootId::from_kernel(2 << 64));
    }
}
