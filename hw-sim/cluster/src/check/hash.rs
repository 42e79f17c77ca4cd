//! Fingerprints: 64 bits that stand for a whole state.
//!
//! Two states that share a fingerprint by chance are taken for one; among ten million states the
//! chance of that happening anywhere is below one in twenty thousand.

use std::hash::{Hash, Hasher};

/// An odd number without a pattern: the golden ratio's fraction. [Knuth, TAOCP 3, §6.4]
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

/// How many words are on their way at once: a multiplication takes four steps of the processor, and
/// one can begin in each.
const LANES: usize = 4;

/// The fingerprint of a value.
pub(super) fn fingerprint(value: &impl Hash) -> u64 {
    let mut mix = Mix::new();
    value.hash(&mut mix);
    mix.finish()
}

/// Folded multiplication: every bit of a word reaches every bit of its lane, and at the end of the
/// result. Words take the lanes in turn.
#[derive(Clone, Copy)]
pub(super) struct Mix {
    lanes: [u64; LANES],
    words: u64,
}

impl Mix {
    pub(super) const fn new() -> Self {
        let lanes = [ODD, ODD.rotate_left(16), ODD.rotate_left(32), ODD.rotate_left(48)];
        Self { lanes, words: 0 }
    }

    #[inline]
    pub(super) fn word(&mut self, word: u64) {
        let [next, second, third, fourth] = self.lanes;
        self.lanes = [second, third, fourth, fold(next, word)];
        self.words = self.words.wrapping_add(1);
    }
}

#[inline]
fn fold(lane: u64, word: u64) -> u64 {
    let product = u128::from(lane ^ word) * u128::from(ODD ^ word.rotate_left(32));
    let [low, high] = [product, product >> 64].map(|half| half as u64);
    (low ^ high).wrapping_add(ODD)
}

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        let all = self.lanes.iter().fold(self.words, |all, lane| fold(all, *lane));
        all ^ all >> 29
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(chunk) {
                *to = *from;
            }
            self.word(u64::from_le_bytes(word));
        }
    }

    #[inline]
    fn write_u8(&mut self, number: u8) {
        self.word(u64::from(number));
    }

    #[inline]
    fn write_u16(&mut self, number: u16) {
        self.word(u64::from(number));
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.word(u64::from(number));
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        self.word(number);
    }

    #[inline]
    fn write_usize(&mut self, number: usize) {
        self.word(number as u64);
    }

    #[inline]
    fn write_isize(&mut self, number: isize) {
        self.word(number as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_million_neighbours_have_a_million_fingerprints() {
        let all: BTreeSet<u64> = (0..1_000_u64)
            .flat_map(|one| (0..1_000_u64).map(move |other| fingerprint(&(one, other))))
            .collect();
        assert_eq!(all.len(), 1_000_000);
    }

    #[test]
    fn words_that_change_places_change_the_fingerprint() {
        let words: [u64; 9] = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        let mut all = BTreeSet::from([fingerprint(&words)]);
        for (one, other) in (0..9).flat_map(|one| (0..one).map(move |other| (one, other))) {
            let mut swapped = words;
            swapped.swap(one, other);
            all.insert(fingerprint(&swapped));
        }
        assert_eq!(all.len(), 37);
    }
}
