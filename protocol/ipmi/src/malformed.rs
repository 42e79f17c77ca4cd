//! What is wrong with bytes that somebody else sent.
//!
//! Never built from our own bytes: a mistake of ours is an assertion.

/// Why foreign bytes were not understood. Names the message and the field, never its secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The message ended before the field.
    #[error("{what}: too short")]
    TooShort {
        /// The message.
        what: &'static str,
    },
    /// Bytes were left over.
    #[error("{what}: {extra} bytes left over")]
    TooLong {
        /// The message.
        what: &'static str,
        /// How many bytes nobody asked for.
        extra: usize,
    },
    /// A field holds a value that the specification does not know there.
    #[error("{what}: value {value:#x} not allowed")]
    Value {
        /// The field.
        what: &'static str,
        /// What stood there.
        value: u32,
    },
    /// A checksum or padding does not fit its bytes.
    #[error("{what}: damaged")]
    Damaged {
        /// What does not fit.
        what: &'static str,
    },
    /// The authentication code is not the one our keys make.
    #[error("{what}: authentication code does not match")]
    Forged {
        /// The packet.
        what: &'static str,
    },
}
