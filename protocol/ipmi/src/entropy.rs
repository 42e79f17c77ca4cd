//! Random bytes from a seed, so that a run can be repeated: HMAC-SHA256 over a counter.
//!
//! The seed comes from outside: from the kernel in a daemon, from a number in a simulation.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A stream of bytes that only the seed's owner can foretell.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Entropy {
    seed: [u8; 32],
    drawn: u64,
}

impl Entropy {
    /// A stream from 32 bytes. Two streams of one seed are equal: never use a seed twice.
    pub const fn from_seed(seed: [u8; 32]) -> Self {
        Self { seed, drawn: 0 }
    }

    /// The next `N` bytes, at most 32.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        const { assert!(N <= 32, "one block is enough for every number of this protocol") };
        let block = self.block();
        let mut out = [0; N];
        for (to, from) in out.iter_mut().zip(block) {
            *to = from;
        }
        out
    }

    /// A number that is not 0, as a session id must be.
    pub fn session_id(&mut self) -> u32 {
        u32::from_le_bytes(self.array()).max(1)
    }

    fn block(&mut self) -> [u8; 32] {
        let mut mac = keyed(&self.seed);
        mac.update(&self.drawn.to_le_bytes());
        self.drawn = self.drawn.wrapping_add(1);
        mac.finalize().into_bytes().into()
    }
}

/// Never the seed.
impl fmt::Debug for Entropy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Entropy(drawn {})", self.drawn)
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
fn keyed(seed: &[u8; 32]) -> Hmac<Sha256> {
    Hmac::new_from_slice(seed).expect("hmac takes keys of every length")
}
