//! What a voter must not forget: whom it condemned.
//!
//! The shell writes [`DurableState`] with fsync and says so; until then the condemnation binds this
//! voter's grants, and is not told to anybody.

use heapless::Vec;
use palisade_protocol::ids::{BootId, NODES_MAX, NodeId};
use palisade_protocol::wire::ProofKind;

/// Condemned lives remembered for one node: the one being fenced, and the one before, which may
/// still speak if a proof was wrong.
pub(crate) const SENTENCES_EACH: usize = 2;

/// Most condemned lives remembered.
pub const SENTENCES_MAX: usize = SENTENCES_EACH * NODES_MAX;

/// Bytes of one condemned life: node, boot id, how it ended.
const RECORD_LEN: usize = 10;

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
    /// Nothing, or something damaged: it may have condemned anybody.
    Lost,
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
        [self.target.get(), closed_to_byte(self.closed), b0, b1, b2, b3, b4, b5, b6, b7]
    }

    fn from_record(record: [u8; RECORD_LEN]) -> Option<Self> {
        let [target, closed, boot @ ..] = record;
        Some(Self {
            target: NodeId::new(target)?,
            boot: BootId(u64::from_le_bytes(boot)),
            closed: closed_from_byte(closed)?,
        })
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
            let sentence = Sentence { target, boot: BootId(u64::MAX - u64::from(id)), closed };
            state.sentences.push(sentence).unwrap();
        }
        let mut bytes = [0; DURABLE_MAX];
        let len = state.encode(&mut bytes);
        assert_eq!(DurableState::decode(&bytes[..len]), Some(state));
        for torn in (1..len).filter(|torn| torn % RECORD_LEN != 0) {
            assert_eq!(DurableState::decode(&bytes[..torn]), None);
        }
        assert_eq!(DurableState::decode(&[]), Some(DurableState::default()));
        assert_eq!(DurableState::decode(&[0; RECORD_LEN]), None, "there is no node 0");
        assert_eq!(DurableState::decode(&[1, 6, 0, 0, 0, 0, 0, 0, 0, 0]), None, "no such proof");
    }

    #[test]
    fn a_file_that_no_fencer_can_have_written_is_none() {
        let life = |boot| [1, 0, boot, 0, 0, 0, 0, 0, 0, 0];
        assert!(DurableState::decode(&[life(1), life(2)].concat()).is_some());
        let three = [life(1), life(2), life(3)].concat();
        assert_eq!(DurableState::decode(&three), None, "a node has room for two");
        let twice = [life(1), life(1)].concat();
        assert_eq!(DurableState::decode(&twice), None, "a life is condemned once");
    }
}
