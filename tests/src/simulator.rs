//! The release build of `palisade-sim`, for measurements that play the demo. Plays nothing itself.

use std::path::PathBuf;
use std::process::Command;
use std::{env, io};

/// Builds `palisade-sim` for release, if need be, and says where it is.
///
/// # Errors
/// If it does not build.
pub fn built() -> io::Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--release", "--locked", "--package", "palisade-sim"]);
    if !build.status()?.success() {
        return Err(io::Error::other("palisade-sim does not build: cargo build -p palisade-sim"));
    }
    let beside = env::current_exe()?;
    // A measurement runs from target/release/deps.
    let place = beside.ancestors().nth(2).map(|release| release.join("palisade-sim"));
    place.filter(|path| path.is_file()).ok_or_else(|| {
        io::Error::other("palisade-sim is not beside this program: start it with cargo bench")
    })
}
