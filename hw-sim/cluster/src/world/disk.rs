//! The disk of one machine: loses what was not written yet, refuses to write, tears a file.

use std::collections::{BTreeSet, VecDeque};

use palisade_fencer_core::durable::DURABLE_MAX;
use palisade_fencer_core::{DurableState, Memory};
use palisade_protocol::ids::{BootId, NodeId};
use palisade_protocol::time::Duration;

/// How long a disk takes to write a condemnation.
const FSYNC: Duration = Duration::from_millis(2);

/// One disk.
#[derive(Debug)]
pub(super) struct Disk {
    kept: Option<Vec<u8>>,
    /// Whether there has never been anything on it.
    blank: bool,
    writing: VecDeque<(u32, Vec<u8>)>,
    /// Whether it refuses to write.
    pub(super) fails: bool,
    /// Whether a crash in the middle of a write leaves a damaged file.
    pub(super) tears: bool,
    /// From order to written.
    pub(super) fsync: Duration,
    condemned: BTreeSet<(NodeId, BootId)>,
}

impl Disk {
    pub(super) fn new(known_empty: bool) -> Self {
        Self {
            kept: known_empty.then(Vec::new),
            blank: true,
            writing: VecDeque::new(),
            fails: false,
            tears: false,
            fsync: FSYNC,
            condemned: BTreeSet::new(),
        }
    }

    /// What it remembers.
    pub(super) fn recall(&self) -> Memory {
        let state = self.kept.as_ref().and_then(|kept| DurableState::decode(kept));
        let none = if self.blank { Memory::Blank } else { Memory::Lost };
        state.map_or(none, Memory::Recalled)
    }

    /// Everything on it is lost.
    pub(super) fn forget(&mut self) {
        (self.kept, self.blank) = (None, false);
    }

    /// Nothing is wrong with it any longer.
    pub(super) const fn mend(&mut self) {
        (self.fails, self.tears, self.fsync) = (false, false, FSYNC);
    }

    /// Begins to write a state.
    pub(super) fn write(&mut self, state: &DurableState) {
        let mut bytes = [0; DURABLE_MAX];
        let len = state.encode(&mut bytes);
        let bytes = bytes.get(..len).unwrap_or_default().to_vec();
        self.writing.push_back((state.version, bytes));
    }

    /// The oldest write is over: its version, and whether it is on the disk. The judge remembers
    /// what was condemned even if the disk is lost.
    pub(super) fn written(&mut self) -> Option<(u32, bool)> {
        let (version, bytes) = self.writing.pop_front()?;
        if self.fails {
            return Some((version, false));
        }
        let state = DurableState::decode(&bytes).unwrap_or_default();
        self.condemned.extend(state.sentences.iter().map(|s| (s.target, s.boot)));
        (self.kept, self.blank) = (Some(bytes), false);
        Some((version, true))
    }

    /// Power or process is gone: what was being written is lost, and the file perhaps damaged.
    pub(super) fn crash(&mut self) {
        if self.tears && !self.writing.is_empty() {
            self.forget();
        }
        self.writing.clear();
    }

    /// The voter grants a life something again: what it had on its disk against it is taken back.
    pub(super) fn pardon(&mut self, target: NodeId, boot: BootId) {
        self.condemned.remove(&(target, boot));
    }

    /// Whether a life is condemned here, and was not granted anything since.
    pub(super) fn has_condemned(&self, target: NodeId, boot: BootId) -> bool {
        self.condemned.contains(&(target, boot))
    }
}

#[cfg(test)]
mod tests {
    use palisade_fencer_core::durable::{Sentence, ShotBy};

    use super::*;

    #[test]
    fn a_life_that_is_granted_something_again_is_condemned_no_longer() {
        let (target, boot) = (NodeId::new(1).unwrap(), BootId(7));
        let sentence =
            Sentence { target, boot, closed: None, released: false, shot_by: ShotBy::Nobody };
        let mut state = DurableState::default();
        state.sentences.push(sentence).unwrap();
        let mut disk = Disk::new(true);
        disk.write(&state);
        assert_eq!(disk.written(), Some((0, true)));
        assert!(disk.has_condemned(target, boot));
        disk.pardon(target, boot);
        assert!(!disk.has_condemned(target, boot));
    }
}
