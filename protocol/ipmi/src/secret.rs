//! A password or BMC key: at most 20 bytes, wiped when dropped, never shown. [IPMI2 §13.31]

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// Longest password of IPMI 2.0.
pub const SECRET_MAX: usize = 20;

/// A password (`K_uid`) or BMC key (`K_g`), padded with zeros as the specification pads it; HMAC
/// makes no difference between a short key and its padded form.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Secret([u8; SECRET_MAX]);

/// The secret is longer than [`SECRET_MAX`] bytes. Cutting it would be another password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{length} bytes, but an IPMI 2.0 password has at most {SECRET_MAX}; choose a shorter one")]
pub struct SecretTooLong {
    /// How long it was.
    pub length: usize,
}

impl Secret {
    /// Copies `bytes`; the caller wipes its own copy.
    ///
    /// # Errors
    /// [`SecretTooLong`] above [`SECRET_MAX`] bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, SecretTooLong> {
        let mut padded = [0; SECRET_MAX];
        let room = padded.get_mut(..bytes.len()).ok_or(SecretTooLong { length: bytes.len() })?;
        room.copy_from_slice(bytes);
        Ok(Self(padded))
    }

    /// The padded bytes, for HMACs only.
    pub(crate) const fn bytes(&self) -> &[u8; SECRET_MAX] {
        &self.0
    }
}

/// Never the bytes.
impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(..)")
    }
}
