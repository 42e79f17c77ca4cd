//! Fingerprints: 64 bits that stand for a whole state.
//!
//! Two states that share a fingerprint by chance are taken for one; among ten million states the
//! chance of that happening anywhere is below one in two hundred thousand.

use std::hash::{Hash, Hasher};

/// An odd number without a pattern: the golden ratio's fraction. [Knuth, TAOCP 3, §6.4]
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

/// The fingerprint of a value.
pub(super) fn fingerprint(value: &impl Hash) -> u64 {
    let mut mix = Mix(ODD);
    value.hash(&mut mix);
    mix.finish()
}

/// Folded multiplication: one step a word, every bit of it reaches every bit of the result.
struct Mix(u64);

impl Mix {
    fn word(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * u128::from(ODD ^ word.rotate_left(32));
        let [low, high] = [product, product >> 64].map(|half| half as u64);
        self.0 = (low ^ high).wrapping_add(ODD);
    }
}

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 29
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

    fn write_u8(&mut self, number: u8) {
        self.word(u64::from(number));
    }

    fn write_u16(&mut self, number: u16) {
        self.word(u64::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.word(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.word(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.word(number as u64);
    }

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
}
