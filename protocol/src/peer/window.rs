//! Which of the last 64 numbers of one process were seen: the first copy counts, others do not.

use crate::ids::Seq;

/// How far back a number is still told apart. At a beat of 50 ms, three seconds.
pub(super) const WINDOW: u32 = u64::BITS;

/// The newest number seen, and a bit for each of the 64 up to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Window {
    newest: u32,
    seen: u64,
}

impl Window {
    /// Nothing seen yet.
    pub(super) const fn new() -> Self {
        Self { newest: 0, seen: 0 }
    }

    /// Notes `seq`; whether it is new. Older than the window is not new.
    pub(super) fn insert(&mut self, seq: Seq) -> bool {
        if seq.0 > self.newest {
            let ahead = seq.0.saturating_sub(self.newest);
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.newest = seq.0;
            return true;
        }
        let behind = self.newest.saturating_sub(seq.0);
        let Some(bit) = 1_u64.checked_shl(behind) else { return false };
        let new = self.seen & bit == 0 && behind < WINDOW;
        self.seen |= bit;
        new
    }
}
