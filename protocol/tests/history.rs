//! The golden vectors as they were committed: an edit of history needs an edit here as well.
//!
//! A new vector is a new line at the end of its section and a new figure here. A vector that must
//! change is a new wire version with a file of its own.

use sha2::{Digest, Sha256};

/// SHA-256 of `vectors/v1.txt`.
const V1: &str = "a9c9c403f56967cbf9e13877611fb5eab1b7dec5d76588b010c9a716e631d28f";

#[test]
fn nobody_has_rewritten_the_vectors_of_version_1() {
    let digest = Sha256::digest(include_bytes!("../vectors/v1.txt"));
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, V1, "vectors/v1.txt changed: undo it, or say here that you mean it");
}
