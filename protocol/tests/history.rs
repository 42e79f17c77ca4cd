//! The golden vectors as they were committed: an edit of history needs an edit here as well.
//!
//! A new vector is a new line at the end of its section and a new figure here. A vector that must
//! change is a new wire version with a file of its own.

use sha2::{Digest, Sha256};

/// SHA-256 of `vectors/v1.txt`.
const V1: &str = "1bfe73e29b9e8ab8e6d59c96565422c172fe1343222c8c305ffd28fe4aa569f9";

#[test]
fn nobody_has_rewritten_the_vectors_of_version_1() {
    let digest = Sha256::digest(include_bytes!("../vectors/v1.txt"));
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, V1, "vectors/v1.txt changed: undo it, or say here that you mean it");
}
