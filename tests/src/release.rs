//! Release builds of our own programs, for measurements. Runs none of them.

use std::path::PathBuf;
use std::process::Command;
use std::{env, io};

/// Builds `program` of `package` for release, if need be, and says where it is.
///
/// # Errors
/// If it does not build.
pub fn built(package: &str, program: &str) -> io::Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--release", "--locked", "--package", package, "--bin", program]);
    if !build.status()?.success() {
        let problem = format!("{program} does not build: cargo build -p {package}");
        return Err(io::Error::other(problem));
    }
    let beside = env::current_exe()?;
    // A measurement runs from target/release/deps.
    let place = beside.ancestors().nth(2).map(|release| release.join(program));
    place.filter(|path| path.is_file()).ok_or_else(|| {
        let problem = format!("{program} is not beside this program: start it with cargo bench");
        io::Error::other(problem)
    })
}
