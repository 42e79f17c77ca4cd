//! The release build of `palisade-sim`, for measurements that play the demo. Plays nothing itself.

use std::io;
use std::path::PathBuf;

use crate::release;

/// Builds `palisade-sim` for release, if need be, and says where it is.
///
/// # Errors
/// If it does not build.
pub fn built() -> io::Result<PathBuf> {
    release::built("palisade-sim", "palisade-sim")
}
