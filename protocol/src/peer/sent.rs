//! When the last frames to one peer were sent, by number.

use crate::ids::Seq;
use crate::time::Instant;

/// How many are remembered: at four frames a beat, sixteen beats, more than the ten after which the
/// slowest profile suspects and an echo stops to prove anything.
pub(super) const REMEMBERED: usize = 64;

/// The newest number, and the times of it and of those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sent {
    newest: u32,
    at: [Instant; REMEMBERED],
}

impl Sent {
    /// Nothing sent yet; the first number is 1.
    pub(super) const fn new() -> Self {
        Self { newest: 0, at: [Instant::BOOT; REMEMBERED] }
    }

    /// Takes the next number, for a frame sent `now`.
    ///
    /// # Panics
    /// After 2³² frames to one peer, which at a hundred a second are sixteen months; a restart of
    /// the process starts anew.
    pub(super) fn next(&mut self, now: Instant) -> Seq {
        let next = self.newest.checked_add(1);
        assert!(next.is_some(), "the numbers to one peer never run out within one start");
        self.newest = next.unwrap_or(self.newest);
        if let Some(at) = self.at.get_mut(Self::place(self.newest)) {
            *at = now;
        }
        Seq(self.newest)
    }

    /// When `seq` was sent, if it is among the remembered.
    pub(super) fn at(&self, seq: Seq) -> Option<Instant> {
        let age = self.newest.checked_sub(seq.0)?;
        let known = seq.0 > 0 && usize::try_from(age).is_ok_and(|age| age < REMEMBERED);
        self.at.get(Self::place(seq.0)).copied().filter(|_| known)
    }

    fn place(seq: u32) -> usize {
        let [low, ..] = seq.to_le_bytes();
        usize::from(low) % REMEMBERED
    }
}

const _: () = assert!(256 % REMEMBERED == 0, "the low byte of a number finds its place");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "never run out within one start")]
    fn a_number_is_never_given_twice_not_even_after_the_last() {
        let mut sent = Sent { newest: u32::MAX, ..Sent::new() };
        sent.next(Instant::BOOT);
    }

    #[test]
    fn the_last_number_is_given_and_remembered() {
        let mut sent = Sent { newest: u32::MAX - 1, ..Sent::new() };
        let now = Instant::from_millis(7);
        assert_eq!(sent.next(now), Seq(u32::MAX));
        assert_eq!(sent.at(Seq(u32::MAX)), Some(now));
    }

    #[test]
    fn a_start_has_sent_nothing_and_number_zero_is_none() {
        let mut sent = Sent::new();
        assert_eq!(sent.at(Seq(0)), None);
        assert_eq!(sent.at(Seq(1)), None);
        assert_eq!(sent.next(Instant::BOOT), Seq(1));
        assert_eq!(sent.at(Seq(1)), Some(Instant::BOOT));
    }
}
