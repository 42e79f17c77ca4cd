//! The two cipher suites that we speak, and their HMACs. [IPMI2 §13.28, §22.15.2]

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::wire::Algorithms;

/// A cipher suite with authentication, integrity and confidentiality.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Suite {
    /// Suite 3: RAKP-HMAC-SHA1, HMAC-SHA1-96, AES-CBC-128.
    Sha1,
    /// Suite 17: RAKP-HMAC-SHA256, HMAC-SHA256-128, AES-CBC-128.
    Sha256,
}

impl Suite {
    /// The suite of this number; `None` for every number but 3 and 17, for ever.
    pub const fn from_id(id: u8) -> Option<Self> {
        match id {
            3 => Some(Self::Sha1),
            17 => Some(Self::Sha256),
            _ => None,
        }
    }

    /// 3 or 17.
    pub const fn id(self) -> u8 {
        match self {
            Self::Sha1 => 3,
            Self::Sha256 => 17,
        }
    }

    /// The suite that consists of exactly these algorithms.
    pub fn from_algorithms(algorithms: Algorithms) -> Option<Self> {
        [Self::Sha1, Self::Sha256].into_iter().find(|suite| suite.algorithms() == algorithms)
    }

    /// The numbers to ask for in Open Session.
    pub const fn algorithms(self) -> Algorithms {
        match self {
            Self::Sha1 => Algorithms { authentication: 1, integrity: 1, confidentiality: 1 },
            Self::Sha256 => Algorithms { authentication: 3, integrity: 4, confidentiality: 1 },
        }
    }

    /// Length of a whole HMAC, as in RAKP 2 and 3: 20 or 32.
    pub const fn code_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// Length of a truncated HMAC, as in RAKP 4 and in every session packet: 12 or 16.
    pub const fn short_code_len(self) -> usize {
        match self {
            Self::Sha1 => 12,
            Self::Sha256 => 16,
        }
    }

    /// HMAC of the concatenated `parts`.
    pub fn hmac(self, key: &[u8], parts: &[&[u8]]) -> Code {
        match self {
            Self::Sha1 => digest::<Hmac<Sha1>>(key, parts),
            Self::Sha256 => digest::<Hmac<Sha256>>(key, parts),
        }
    }
}

/// For example `suite 17`.
impl fmt::Display for Suite {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "suite {}", self.id())
    }
}

/// An HMAC of 20 or 32 bytes, or a key made of one; compared in constant time, wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Code {
    bytes: [u8; 32],
    len: usize,
}

impl Code {
    /// The whole code.
    pub fn bytes(&self) -> &[u8] {
        self.shortened(self.len)
    }

    /// Its first `len` bytes.
    pub fn shortened(&self, len: usize) -> &[u8] {
        self.bytes.get(..len.min(self.len)).unwrap_or_default()
    }

    /// Whether `claimed` is the whole code; constant time.
    pub fn is(&self, claimed: &[u8]) -> bool {
        self.bytes().ct_eq(claimed).into()
    }

    /// Whether `claimed` is the code's first `len` bytes; constant time.
    pub fn is_shortened(&self, len: usize, claimed: &[u8]) -> bool {
        claimed.len() == len && bool::from(self.shortened(len).ct_eq(claimed))
    }
}

/// Never the bytes: a code may be a key.
impl fmt::Debug for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Code({} bytes)", self.len)
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
fn digest<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Code {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("hmac takes keys of every length");
    for part in parts {
        mac.update(part);
    }
    let result = mac.finalize().into_bytes();
    let mut code = Code { bytes: [0; 32], len: result.len() };
    for (to, from) in code.bytes.iter_mut().zip(result) {
        *to = from;
    }
    code
}
