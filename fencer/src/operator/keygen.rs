//! `palisade keygen`: a new private key, and the line for the configuration.

use std::path::Path;

use palisade_host::keys::{KeygenError, generate};

use super::exit::{Failure, progress, result};

/// Makes the key; errs with 4 if one stands there already.
pub(super) fn run(file: &Path) -> Result<(), Failure> {
    let public = generate(file).map_err(|error| match error {
        KeygenError::Exists { .. } => Failure::refused(error),
        KeygenError::Unwritable { .. } | KeygenError::NoEntropy { .. } => Failure::unknown(error),
    })?;
    progress(&format!(
        "private key in {}; put this line under the node's [[node]]:",
        file.display()
    ));
    result(&format!("public_key = \"{public}\"\n"))
}
