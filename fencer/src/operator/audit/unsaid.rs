//! What a BMC did not say to somebody who has not logged in. None of it is a "no".

use std::fmt;
use std::io;

/// Why nothing is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unsaid {
    /// No answer, though it was asked twice.
    Silent,
    /// A completion code instead of an answer.
    Declined(u8),
    /// An answer that the specification does not know there.
    Garbled,
    /// It could not be asked, in the system's words.
    Unasked(String),
}

/// What was said, or why it was not.
pub(super) type Said<T> = Result<T, Unsaid>;

impl From<io::Error> for Unsaid {
    fn from(error: io::Error) -> Self {
        Self::Unasked(error.to_string())
    }
}

/// Evidence and remedy.
impl fmt::Display for Unsaid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent => {
                out.write_str("asked twice, no answer; check the network, and audit again")
            }
            Self::Declined(code) => {
                write!(out, "declined with {code:#04x}; look into the bmc's own settings")
            }
            Self::Garbled => {
                out.write_str("the answer is not understood; look into the bmc's own settings")
            }
            Self::Unasked(why) => write!(out, "not asked: {why}; mend that, and audit again"),
        }
    }
}
