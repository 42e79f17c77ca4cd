//! What a voter must not forget: whom it condemned.
//!
//! The shell writes [`DurableState`] with fsync and says so; until then the condemnation binds this
//! voter's grants, and is not told to anybody.

use heapless::Vec;
use palisade_protocol::ids::{BootId, NODES_MAX, NodeId, Start};
use palisade_protocol::wire::ProofKind;

/// Condemned lives remembered for one node: the one being fenced, and the one before, which may
/// still speak if a proof was wrong.
pub(crate) const SENTENCES_EACH: usize = 2;

/// Most condemned lives remembered.
pub const SENTENCES_MAX: usize = SENTENCES_EACH * NODES_MAX;

/// Bytes of one condemned life: node, how it ended, boot id, whose fencer shot, its start.
const RECORD_LEN: usize = 15;

/// Set in the byte that says how a life ended once its machine is released.
const RELEASED: u8 = 0x80;

/// Longest encoding of a [`DurableState`].
pub const DURABLE_MAX: usize = RECORD_LEN * SENTENCES_MAX;

/// One condemned life of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sentence {
    /// The node.
    pub target: NodeId,
    /// Which life of it.
    pub boot: BootId,
    /// What proved it over, once something has.
    pub closed: Option<ProofKind>,
    /// Whether nobody is at work on its machine any more: whoever was has said so, or a later life
    /// was admitted. Until then an Off may be under way, or the machine may wait to be raised.
    pub released: bool,
    /// Whom this voter has agreed with about it.
    pub shot_by: ShotBy,
}

/// Whom a voter has agreed with about a life: whoever is done with its machine must be the one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ShotBy {
    /// It was told of the proof, and agreed with nobody.
    #[default]
    Nobody,
    /// One start of one fencer.
    One {
        /// Of which node.
        node: NodeId,
        /// Which start.
        start: Start,
    },
    /// More than one: what the last one says is not said for the others.
    Many,
}

/// All condemned lives, as they go to the disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DurableState {
    /// Grows with each change; the shell reports it back when it is on the disk. Not stored.
    pub version: u32,
    /// The condemned lives.
    pub sentences: Vec<Sentence, SENTENCES_MAX>,
}

/// What a fencer finds on its disk when it starts.
#[expect(clippy::large_enum_variant, reason = "read once, when a fencer starts; there is no heap")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Memory {
    /// All that it ever condemned.
    Recalled(DurableState),
    /// Something damaged: it may have condemned anybody, a moment ago.
    Lost,
    /// Nothing at all: a first start, or another disk. It may have condemned anybody, but not a
    /// moment ago: an Off that was under way has long ended when a human has changed a disk.
    Blank,
}

impl DurableState {
    /// Writes the state; returns its length.
    pub fn encode(&self, into: &mut [u8; DURABLE_MAX]) -> usize {
        let (records, _) = into.as_chunks_mut::<RECORD_LEN>();
        for (record, sentence) in records.iter_mut().zip(&self.sentences) {
            *record = sentence.to_record();
        }
        self.sentences.len().saturating_mul(RECORD_LEN)
    }

    /// Reads a state back; nothing if `bytes` are not one.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (records, []) = bytes.as_chunks::<RECORD_LEN>() else { return None };
        let mut state = Self::default();
        for record in records {
            let sentence = Sentence::from_record(*record)?;
            if !state.has_room_for(&sentence) {
                return None;
            }
            state.sentences.push(sentence).ok()?;
        }
        Some(state)
    }

    /// Whether its node has room for one more, and this life has none yet.
    fn has_room_for(&self, sentence: &Sentence) -> bool {
        let mut of_node = self.sentences.iter().filter(|known| known.target == sentence.target);
        let others = of_node.clone().count();
        others < SENTENCES_EACH && !of_node.any(|known| known.boot == sentence.boot)
    }
}

impl Sentence {
    const fn to_record(self) -> [u8; RECORD_LEN] {
        let [b0, b1, b2, b3, b4, b5, b6, b7] = self.boot.0.to_le_bytes();
        let released = if self.released { RELEASED } else { 0 };
        let ended = closed_to_byte(self.closed) | released;
        let (by, [s0, s1, s2, s3]) = self.shot_by.to_bytes();
        [self.target.get(), ended, b0, b1, b2, b3, b4, b5, b6, b7, by, s0, s1, s2, s3]
    }

    fn from_record(record: [u8; RECORD_LEN]) -> Option<Self> {
        let [target, ended, boot @ .., by, s0, s1, s2, s3] = record;
        let closed = closed_from_byte(ended & !RELEASED)?;
        let released = ended & RELEASED != 0;
        let sentence = Self {
            target: NodeId::new(target)?,
            boot: BootId(u64::from_le_bytes(boot)),
            closed,
            released,
            shot_by: ShotBy::from_bytes(by, [s0, s1, s2, s3])?,
        };
        (closed.is_some() || !released).then_some(sentence)
    }
}

/// Stands for a node's number where there is more than one.
const MANY: u8 = u8::MAX;

impl ShotBy {
    const fn to_bytes(self) -> (u8, [u8; 4]) {
        match self {
            Self::Nobody => (0, [0; 4]),
            Self::One { node, start } => (node.get(), start.get().to_le_bytes()),
            Self::Many => (MANY, [0; 4]),
        }
    }

    fn from_bytes(by: u8, start: [u8; 4]) -> Option<Self> {
        match (by, start) {
            (0, [0, 0, 0, 0]) => Some(Self::Nobody),
            (MANY, [0, 0, 0, 0]) => Some(Self::Many),
            (node, start) => {
                let start = Start::new(u32::from_le_bytes(start));
                Some(Self::One { node: NodeId::new(node)?, start })
            }
        }
    }
}

const fn closed_to_byte(closed: Option<ProofKind>) -> u8 {
    match closed {
        None => 0,
        Some(ProofKind::PowerOff) => 1,
        Some(ProofKind::LeaseExpired) => 2,
        Some(ProofKind::Reborn) => 3,
        Some(ProofKind::Left) => 4,
        Some(ProofKind::Operator) => 5,
    }
}

const fn closed_from_byte(byte: u8) -> Option<Option<ProofKind>> {
    match byte {
        0 => Some(None),
        1 => Some(Some(ProofKind::PowerOff)),
        2 => Some(Some(ProofKind::LeaseExpired)),
        3 => Some(Some(ProofKind::Reborn)),
        4 => Some(Some(ProofKind::Left)),
        5 => Some(Some(ProofKind::Operator)),
        6..=u8::MAX => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_condemned_comes_back_and_a_torn_file_does_not() {
        let closed = [
            None,
            Some(ProofKind::PowerOff),
            Some(ProofKind::LeaseExpired),
            Some(ProofKind::Reborn),
            Some(ProofKind::Left),
            Some(ProofKind::Operator),
        ];
        let mut state = DurableState::default();
        for (id, closed) in (1_u8..).zip(closed) {
            let target = NodeId::new(id).unwrap();
            for released in [false, closed.is_some()] {
                let boot = BootId(u64::MAX - u64::from(id) - u64::from(released) * 64);
                let known = state.sentences.iter().any(|sentence| sentence.boot == boot);
                let one = ShotBy::One { node: target, start: Start::new(u32::MAX - 1) };
                let shot_by = if released { ShotBy::Many } else { one };
                let sentence = Sentence { target, boot, closed, released, shot_by };
                assert!(known || state.sentences.push(sentence).is_ok());
            }
        }
        let mut bytes = [0; DURABLE_MAX];
        let len = state.encode(&mut bytes);
        assert_eq!(DurableState::decode(&bytes[..len]), Some(state));
        for torn in (1..len).filter(|torn| torn % RECORD_LEN != 0) {
            assert_eq!(DurableState::decode(&bytes[..torn]), None);
        }
        assert_eq!(DurableState::decode(&[]), Some(DurableState::default()));
        assert_eq!(DurableState::decode(&[0; RECORD_LEN]), None, "there is no node 0");
        let read = |target, ended, by| {
            let mut record = [0; RECORD_LEN];
            (record[0], record[1], record[10]) = (target, ended, by);
            DurableState::decode(&record)
        };
        assert!(read(1, 1, 2).is_some());
        assert_eq!(read(1, 6, 2), None, "no such proof");
        assert_eq!(read(1, RELEASED, 2), None, "nobody is done with what is not over");
        assert_eq!(read(1, 1, 65), None, "no such fencer");
    }

    #[test]
    fn a_file_that_no_fencer_can_have_written_is_none() {
        let life = |boot| [1, 0, boot, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(DurableState::decode(&[life(1), life(2)].concat()).is_some());
        let three = [life(1), life(2), life(3)].concat();
        assert_eq!(DurableState::decode(&three), None, "a node has room for two");
        let twice = [life(1), life(1)].concat();
        assert_eq!(DurableState::decode(&twice), None, "a life is condemned once");
    }
}
