//! Chance from a seed: the same seed gives the same run.
//!
//! Not for secrets: the numbers are predictable on purpose, and so are the keys of a simulated
//! session. Never used outside simulated hardware.

/// A small seeded generator (SplitMix64).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// A generator that gives the same numbers for the same seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for piece in bytes.chunks_mut(8) {
            let bits = self.bits().to_le_bytes();
            piece.copy_from_slice(&bits[..piece.len()]);
        }
    }

    /// True in `percent` of 100 calls; always for 100 and more.
    pub fn percent(&mut self, percent: u8) -> bool {
        self.bits() % 100 < u64::from(percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_run() {
        let (mut one, mut other) = (Chance::new(7), Chance::new(7));
        let (mut first, mut second) = ([0; 13], [0; 13]);
        one.fill(&mut first);
        other.fill(&mut second);
        assert_eq!(first, second);
        assert_ne!(first, [0; 13]);
    }

    #[test]
    fn never_and_always_are_what_they_say() {
        let mut chance = Chance::new(1);
        assert!((0..1_000).all(|_| !chance.percent(0)));
        assert!((0..1_000).all(|_| chance.percent(100)));
        let hits = (0..10_000).filter(|_| chance.percent(10)).count();
        assert!((800..1_200).contains(&hits), "{hits} of 10000 at 10 %");
    }
}
