//! Chance that comes from a seed alone, and is fast enough to be asked for each datagram.

use palisade_protocol::time::Duration;

/// A seeded chance: splitmix64.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The chance of `seed`; near seeds give unlike chances.
    pub const fn new(seed: u64) -> Self {
        Self(seed ^ 0x5851_f42d_4c95_7f2d)
    }

    /// Another chance that this one decides.
    #[must_use]
    pub const fn split(&mut self) -> Self {
        Self(self.next())
    }

    /// The next 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; zero if that is zero.
    pub const fn below(&mut self, bound: u64) -> u64 {
        match bound {
            0 => 0,
            bound => (self.next() >> 16) % bound,
        }
    }

    /// Whether something that happens `permille` times in a thousand does; asks nothing for never.
    pub const fn hits(&mut self, permille: u64) -> bool {
        permille > 0 && self.below(1_000) < permille
    }

    /// A span shorter than `bound`.
    pub fn span(&mut self, bound: Duration) -> Duration {
        Duration::from_nanos(self.below(u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// One of `choices`; nothing if there are none.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> Option<T> {
        let place = self.below(u64::try_from(choices.len()).unwrap_or(0));
        choices.get(usize::try_from(place).unwrap_or(0)).copied()
    }
}
