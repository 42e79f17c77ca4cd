//! Request sequence numbers: six bits, never reused while an answer to the old use may come.

use super::error::ClientError;

const NUMBERS: u8 = 64;

/// Which of the 64 numbers may be used next.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sequences {
    last: u8,
    /// Numbers of requests that went unanswered: an answer may still be under way.
    tainted: Mask,
}

/// A set of request sequence numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mask(u64);

impl Mask {
    pub(super) fn holds(self, number: u8) -> bool {
        number < NUMBERS && self.0 >> number & 1 != 0
    }

    pub(super) fn add(&mut self, number: u8) {
        assert!(number < NUMBERS, "a request sequence number has six bits");
        self.0 |= 1 << number;
    }

    /// The numbers of both.
    pub(super) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Sequences {
    /// The next number that is neither tainted nor in `busy`.
    pub(super) fn next(&mut self, busy: Mask) -> Result<u8, ClientError> {
        for step in 1..=NUMBERS {
            let number = self.last.wrapping_add(step) % NUMBERS;
            if !self.tainted.holds(number) && !busy.holds(number) {
                self.last = number;
                return Ok(number);
            }
        }
        Err(ClientError::Exhausted)
    }

    /// Never use these numbers again.
    pub(super) const fn taint(&mut self, numbers: Mask) {
        self.tainted.0 |= numbers.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_round() {
        let mut sequences = Sequences::default();
        let first: Vec<u8> = (0..64).map(|_| sequences.next(Mask::default()).unwrap()).collect();
        assert_eq!(first.first(), Some(&1));
        assert_eq!(first.last(), Some(&0));
        assert_eq!(sequences.next(Mask::default()), Ok(1));
    }

    #[test]
    fn a_number_whose_answer_may_still_come_is_never_used_again() {
        let mut sequences = Sequences::default();
        let mut unanswered = Mask::default();
        unanswered.add(sequences.next(unanswered).unwrap());
        sequences.taint(unanswered);
        let rest: Vec<u8> = (0..128).map(|_| sequences.next(Mask::default()).unwrap()).collect();
        assert!(!rest.contains(&1));
    }

    #[test]
    fn a_session_without_a_number_left_is_used_up() {
        let mut sequences = Sequences::default();
        sequences.taint(Mask(u64::MAX));
        assert_eq!(sequences.next(Mask::default()), Err(ClientError::Exhausted));
    }
}
