//! Links that can be cut, one direction at a time, and that lose, delay, double and corrupt.

use palisade_protocol::ids::{LinkId, NodeId};
use palisade_protocol::time::Duration;

use super::chance::Chance;
use super::keys::KEPT;
use super::shape::Shape;

/// Places of nodes; none is numbered zero.
const PLACES: usize = KEPT as usize + 1;

/// All links of a world.
#[derive(Debug)]
pub struct Network {
    links: u8,
    flight: Duration,
    /// From whom, to whom: bit 0 for link 0.
    cut: [[u8; PLACES]; PLACES],
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
    pub(super) const fn new(shape: &Shape) -> Self {
        Self {
            links: shape.links,
            flight: shape.flight,
            cut: [[0; PLACES]; PLACES],
            loss_permille: 0,
            double_permille: 0,
            corrupt_permille: 0,
            jitter: Duration::ZERO,
            chance: Chance::new(shape.seed ^ 0x9e37_79b9_7f4a_7c15),
        }
    }

    /// Cuts one link in one direction.
    pub fn cut_one_way(&mut self, from: NodeId, to: NodeId, link: LinkId) {
        *self.cuts(from, to) |= bit(link);
    }

    /// Cuts one link in both directions.
    pub fn cut(&mut self, one: NodeId, other: NodeId, link: LinkId) {
        self.cut_one_way(one, other, link);
        self.cut_one_way(other, one, link);
    }

    /// Cuts every link between `alone` and the `others`.
    pub fn isolate(&mut self, alone: NodeId, others: &[NodeId]) {
        for other in others {
            for link in (0..self.links).filter_map(LinkId::new) {
                self.cut(alone, *other, link);
            }
        }
    }

    /// Heals one direction of one link that is cut, the one at `place` of all that are, so that they
    /// heal in another order than they were cut in.
    pub fn heal_one(&mut self, place: u64) {
        let cut = self.cut.as_flattened_mut();
        let count: u32 = cut.iter().map(|links| links.count_ones()).sum();
        let mut before = place % u64::from(count.max(1));
        for links in cut {
            for bit in (0..u8::BITS).map(|link| 1_u8.rotate_left(link)) {
                match (*links & bit, before) {
                    (0, _) => {}
                    (_, 0) => {
                        *links ^= bit;
                        return;
                    }
                    (_, _) => before -= 1,
                }
            }
        }
    }

    /// Heals every link.
    pub fn heal(&mut self) {
        self.cut = [[0; PLACES]; PLACES];
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
            return Some(Passage { flight: self.flight, double: None, corrupt: None });
        }
        if *self.cuts(from, to) & bit(link) != 0 || self.chance.hits(self.loss_permille) {
            return None;
        }
        let flight = self.flight();
        let double = self.chance.hits(self.double_permille).then(|| self.flight());
        let corrupt = self.chance.hits(self.corrupt_permille).then(|| self.chance.next());
        Some(Passage { flight, double, corrupt })
    }

    fn flight(&mut self) -> Duration {
        match self.jitter {
            Duration::ZERO => self.flight,
            jitter => self.flight + self.chance.span(jitter),
        }
    }

    fn cuts(&mut self, from: NodeId, to: NodeId) -> &mut u8 {
        let to_each = self.cut.get_mut(usize::from(from.get()));
        let Some(links) = to_each.and_then(|each| each.get_mut(usize::from(to.get()))) else {
            unreachable!("no world has more nodes than keys are kept for")
        };
        links
    }
}

fn bit(link: LinkId) -> u8 {
    1_u8.rotate_left(u32::from(link.get()))
}
