//! Links that can be cut, one direction at a time, and that lose.

use std::collections::BTreeSet;

use palisade_protocol::ids::{LinkId, NodeId};

/// All links of a world.
#[derive(Debug)]
pub struct Network {
    cut: BTreeSet<(NodeId, NodeId, LinkId)>,
    loss_permille: u64,
    chance: u64,
}

impl Network {
    pub(super) const fn new(seed: u64) -> Self {
        Self { cut: BTreeSet::new(), loss_permille: 0, chance: seed ^ 0x9e37_79b9_7f4a_7c15 }
    }

    /// Cuts one link in one direction.
    pub fn cut_one_way(&mut self, from: NodeId, to: NodeId, link: LinkId) {
        self.cut.insert((from, to, link));
    }

    /// Cuts one link in both directions.
    pub fn cut(&mut self, one: NodeId, other: NodeId, link: LinkId) {
        self.cut_one_way(one, other, link);
        self.cut_one_way(other, one, link);
    }

    /// Cuts every link between `alone` and the `others`.
    pub fn isolate(&mut self, alone: NodeId, others: &[NodeId]) {
        for other in others {
            for link in (0..super::LINKS).filter_map(LinkId::new) {
                self.cut(alone, *other, link);
            }
        }
    }

    /// Heals every link.
    pub fn heal(&mut self) {
        self.cut.clear();
        self.loss_permille = 0;
    }

    /// Lets every link lose this share of its datagrams.
    pub const fn lose(&mut self, permille: u64) {
        self.loss_permille = permille;
    }

    /// Whether a datagram sent now arrives. A machine always reaches itself.
    pub(super) fn carries(&mut self, from: NodeId, to: NodeId, link: LinkId) -> bool {
        from == to || (!self.cut.contains(&(from, to, link)) && !self.is_unlucky())
    }

    /// xorshift64*: small, seeded, and good enough to lose datagrams.
    fn is_unlucky(&mut self) -> bool {
        if self.loss_permille == 0 {
            return false;
        }
        self.chance ^= self.chance >> 12;
        self.chance ^= self.chance << 25;
        self.chance ^= self.chance >> 27;
        (self.chance.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % 1_000 < self.loss_permille
    }
}
