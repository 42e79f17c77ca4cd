//! Links that can be cut, one direction at a time, and that lose, delay, double and corrupt.

use std::collections::BTreeSet;

use palisade_protocol::ids::{LinkId, NodeId};
use palisade_protocol::time::Duration;

use super::chance::Chance;

/// All links of a world.
#[derive(Debug)]
pub struct Network {
    cut: BTreeSet<(NodeId, NodeId, LinkId)>,
    loss_permille: u64,
    double_permille: u64,
    corrupt_permille: u64,
    jitter: Duration,
    chance: Chance,
}

/// What a link does to one datagram.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passage {
    pub(super) flight: Duration,
    /// A second copy arrives after this.
    pub(super) double: Option<Duration>,
    /// A bit that is turned.
    pub(super) corrupt: Option<u64>,
}

impl Network {
    pub(super) const fn new(seed: u64) -> Self {
        Self {
            cut: BTreeSet::new(),
            loss_permille: 0,
            double_permille: 0,
            corrupt_permille: 0,
            jitter: Duration::ZERO,
            chance: Chance::new(seed ^ 0x9e37_79b9_7f4a_7c15),
        }
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
            for link in super::links() {
                self.cut(alone, *other, link);
            }
        }
    }

    /// Heals one direction of one link that is cut, the one at `place` of all that are, so that they
    /// heal in another order than they were cut in.
    pub fn heal_one(&mut self, place: u64) {
        let count = u64::try_from(self.cut.len()).unwrap_or(0).max(1);
        let place = usize::try_from(place % count).unwrap_or(0);
        if let Some(cut) = self.cut.iter().nth(place).copied() {
            self.cut.remove(&cut);
        }
    }

    /// Heals every link.
    pub fn heal(&mut self) {
        self.cut.clear();
        self.loss_permille = 0;
        self.double_permille = 0;
        self.corrupt_permille = 0;
        self.jitter = Duration::ZERO;
    }

    /// Lets every link lose this share of its datagrams.
    pub const fn lose(&mut self, permille: u64) {
        self.loss_permille = permille;
    }

    /// Lets every link deliver this share of its datagrams twice.
    pub const fn double(&mut self, permille: u64) {
        self.double_permille = permille;
    }

    /// Lets every link turn a bit in this share of its datagrams.
    pub const fn corrupt(&mut self, permille: u64) {
        self.corrupt_permille = permille;
    }

    /// Lets every datagram take up to this much longer, each its own time: they overtake each other.
    pub const fn delay(&mut self, at_most: Duration) {
        self.jitter = at_most;
    }

    /// How a datagram sent now arrives, if it does. A machine always reaches itself.
    pub(super) fn carries(&mut self, from: NodeId, to: NodeId, link: LinkId) -> Option<Passage> {
        if from == to {
            return Some(Passage { flight: super::FLIGHT, double: None, corrupt: None });
        }
        let is_cut = !self.cut.is_empty() && self.cut.contains(&(from, to, link));
        if is_cut || self.chance.hits(self.loss_permille) {
            return None;
        }
        let flight = self.flight();
        let double = self.chance.hits(self.double_permille).then(|| self.flight());
        let corrupt = self.chance.hits(self.corrupt_permille).then(|| self.chance.next());
        Some(Passage { flight, double, corrupt })
    }

    fn flight(&mut self) -> Duration {
        match self.jitter {
            Duration::ZERO => super::FLIGHT,
            jitter => super::FLIGHT + self.chance.span(jitter),
        }
    }
}
