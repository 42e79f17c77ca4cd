//! What the tests of this crate share: the text of the golden vectors, and keys.
//!
//! Never makes a vector: what the file says is compared with what the code says, in both directions.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a vector that cannot be read must stop the test"
)]

mod names;
mod stanza;
mod vector;

pub(crate) use names::{Named, check_numbers};
pub(crate) use stanza::{Stanza, stanzas};
pub(crate) use vector::{Keys, Says, Vector};
