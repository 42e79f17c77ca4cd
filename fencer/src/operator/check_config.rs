//! `palisade check-config`: every mistake at once, or the sums that keep the cluster safe.

use std::path::Path;

use palisade_host::config::report;

use super::exit::{Failure, progress, result};
use crate::place;

/// Checks the file; errs with 2 if it has mistakes.
pub(super) fn run(file: &Path) -> Result<(), Failure> {
    let cluster = place::load(file).map_err(Failure::usage)?;
    for warning in &cluster.warnings {
        progress(&format!("warning: {warning}"));
    }
    result(&format!("{}\n", report(&cluster).trim_end()))
}
