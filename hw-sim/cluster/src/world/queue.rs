//! What will happen and when, and the datagrams under way.
//!
//! Of two things at one instant the one that was scheduled first happens first, so that equal seeds
//! tell equal stories.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use palisade_fencer_core::PowerOrder;
use palisade_protocol::ids::{LinkId, NodeId, Peer};
use palisade_protocol::time::Instant;
use palisade_protocol::wire::DATAGRAM_MAX;

/// What happens at one instant.
#[derive(Clone, Copy, Debug)]
pub(super) enum Happening {
    Arrive { letter: u32 },
    AgentTurn { node: NodeId },
    FencerTurn { node: NodeId },
    PetLands { node: NodeId, run: u32 },
    Written { node: NodeId, run: u32 },
    BmcAnswers { asker: NodeId, run: u32, order: u32 },
    PowerFalls { node: NodeId, cut: u32 },
    PowerReturns { node: NodeId, power: u32 },
    Booted { node: NodeId, power: u32 },
    DogBites { node: NodeId, pet: u32 },
    SelfFenced { node: NodeId, run: u32 },
    AgentGoesOn { node: NodeId, run: u32 },
    FencerGoesOn { node: NodeId, run: u32 },
    MachineGoesOn { node: NodeId, power: u32 },
    AgentStarts { node: NodeId, run: u32 },
    FencerStarts { node: NodeId, run: u32, memory_kept: bool },
    Replay { left: u32 },
}

impl Happening {
    /// A number for the trace.
    pub(super) const fn code(&self) -> u64 {
        match self {
            Self::Arrive { letter: _ } => 1,
            Self::AgentTurn { node } => 2 << 8 | node.get() as u64,
            Self::FencerTurn { node } => 3 << 8 | node.get() as u64,
            Self::PetLands { node, .. } => 4 << 8 | node.get() as u64,
            Self::Written { node, .. } => 5 << 8 | node.get() as u64,
            Self::BmcAnswers { asker, .. } => 6 << 8 | asker.get() as u64,
            Self::PowerFalls { node, .. } => 7 << 8 | node.get() as u64,
            Self::PowerReturns { node, .. } => 8 << 8 | node.get() as u64,
            Self::Booted { node, .. } => 9 << 8 | node.get() as u64,
            Self::DogBites { node, .. } => 10 << 8 | node.get() as u64,
            Self::SelfFenced { node, .. } => 11 << 8 | node.get() as u64,
            Self::AgentGoesOn { node, .. } => 12 << 8 | node.get() as u64,
            Self::FencerGoesOn { node, .. } => 13 << 8 | node.get() as u64,
            Self::MachineGoesOn { node, .. } => 14 << 8 | node.get() as u64,
            Self::AgentStarts { node, .. } => 15 << 8 | node.get() as u64,
            Self::FencerStarts { node, .. } => 16 << 8 | node.get() as u64,
            Self::Replay { .. } => 17,
        }
    }
}

/// An order that a BMC has in hand, and what it saw.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) order: PowerOrder,
    pub(super) asked_at: Instant,
    pub(super) on: bool,
    pub(super) heard: bool,
}

/// All that will happen.
#[derive(Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Entry>,
    order: u64,
}

/// The time in the high half and the order of scheduling in the low half, turned over so that the
/// heap's greatest is what happens next.
#[derive(Clone, Copy, Debug)]
struct Entry {
    key: u128,
    happening: Happening,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl Entry {
    const fn at(&self) -> Instant {
        let [high, ..] = split(!self.key);
        Instant::from_nanos(high)
    }
}

impl Queue {
    pub(super) fn at(&mut self, at: Instant, happening: Happening) {
        self.order += 1;
        let key = !(u128::from(at.as_nanos()) << 64 | u128::from(self.order));
        self.heap.push(Entry { key, happening });
    }

    /// When something happens next.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.heap.peek().map(Entry::at)
    }

    /// What happens next, if not after `end`.
    pub(super) fn next(&mut self, end: Instant) -> Option<(Instant, Happening)> {
        let at = self.next_at().filter(|at| *at <= end)?;
        Some((at, self.heap.pop()?.happening))
    }
}

const fn split(key: u128) -> [u64; 2] {
    let [h0, h1, h2, h3, h4, h5, h6, h7, l0, l1, l2, l3, l4, l5, l6, l7] = key.to_be_bytes();
    [
        u64::from_be_bytes([h0, h1, h2, h3, h4, h5, h6, h7]),
        u64::from_be_bytes([l0, l1, l2, l3, l4, l5, l6, l7]),
    ]
}

/// One datagram under way.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub(super) to: Peer,
    pub(super) link: LinkId,
    pub(super) len: u16,
    pub(super) sent_at: Instant,
    /// Played back by the adversary.
    pub(super) replayed: bool,
    /// A bit of it was turned.
    pub(super) corrupt: bool,
    pub(super) bytes: [u8; DATAGRAM_MAX],
}

impl Letter {
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// The last bytes of its tag, which depends on all the others.
    pub(super) fn print(&self) -> u64 {
        self.bytes().last_chunk::<8>().map_or(0, |tail| u64::from_le_bytes(*tail))
    }

    /// One bit of it is turned.
    pub(super) fn turn_bit(&mut self, bit: u64) {
        self.corrupt = true;
        let bits = u64::from(self.len.max(1)) * 8;
        let place = usize::try_from(bit % bits / 8).unwrap_or(0);
        if let Some(byte) = self.bytes.get_mut(place) {
            *byte ^= 1_u8.rotate_left(u32::try_from(bit % 8).unwrap_or(0));
        }
    }
}

/// All datagrams under way, each in a place that is used again.
#[derive(Debug, Default)]
pub(super) struct Mail {
    letters: Vec<Letter>,
    free: Vec<u32>,
}

impl Mail {
    /// A blank letter to write on, and its number.
    pub(super) fn blank(&mut self, to: Peer, link: LinkId, now: Instant) -> (u32, &mut Letter) {
        let number = self.free.pop().unwrap_or_else(|| self.grow(to, link));
        let Some(letter) = self.letters.get_mut(place(number)) else {
            unreachable!("the number of a letter is its place")
        };
        (letter.to, letter.link, letter.sent_at) = (to, link, now);
        (letter.replayed, letter.corrupt) = (false, false);
        (number, letter)
    }

    pub(super) fn letter(&self, number: u32) -> &Letter {
        let Some(letter) = self.letters.get(place(number)) else {
            unreachable!("the number of a letter is its place")
        };
        letter
    }

    pub(super) fn letter_mut(&mut self, number: u32) -> &mut Letter {
        let Some(letter) = self.letters.get_mut(place(number)) else {
            unreachable!("the number of a letter is its place")
        };
        letter
    }

    /// A copy of a letter under way.
    pub(super) fn copy(&mut self, number: u32) -> u32 {
        self.post(self.letter(number).clone())
    }

    /// Sends a letter that somebody kept.
    pub(super) fn post(&mut self, letter: Letter) -> u32 {
        let (number, blank) = self.blank(letter.to, letter.link, letter.sent_at);
        *blank = letter;
        number
    }

    /// The letter has arrived, or is lost.
    pub(super) fn done(&mut self, number: u32) {
        self.free.push(number);
    }

    fn grow(&mut self, to: Peer, link: LinkId) -> u32 {
        let bytes = [0; DATAGRAM_MAX];
        let sent_at = Instant::BOOT;
        self.letters.push(Letter {
            to,
            link,
            len: 0,
            sent_at,
            replayed: false,
            corrupt: false,
            bytes,
        });
        u32::try_from(self.letters.len() - 1).unwrap_or(u32::MAX)
    }
}

fn place(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
