//! Builds of our own programs for measurements. Runs none of them.

use std::path::PathBuf;
use std::process::Command;
use std::{env, io};

/// What cargo tells the program that it runs about that program's package. A build script that looks at it,
/// as that of ring does, would run again, and all that hangs on it be built again, at each measurement.
const ABOUT_US: [&str; 2] = ["CARGO_MANIFEST_", "CARGO_PKG_"];

/// Builds `program` of `package` for release, if need be, and says where it is.
///
/// # Errors
/// If it does not build.
pub fn built(package: &str, program: &str) -> io::Result<PathBuf> {
    built_as("release", package, program)
}

/// The same as it is installed: with the profile `ship`.
///
/// # Errors
/// If it does not build.
pub fn shipped(package: &str, program: &str) -> io::Result<PathBuf> {
    built_as("ship", package, program)
}

fn built_as(profile: &str, package: &str, program: &str) -> io::Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--profile", profile, "--locked", "--package", package, "--bin", program]);
    for (name, _) in env::vars_os() {
        if ABOUT_US.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            build.env_remove(name);
        }
    }
    if !build.status()?.success() {
        let problem = format!("{program} does not build: cargo build -p {package}");
        return Err(io::Error::other(problem));
    }
    let measurement = env::current_exe()?;
    // A measurement runs from target/release/deps.
    let target = measurement.ancestors().nth(3);
    let place = target.map(|target| target.join(profile).join(program));
    place.filter(|path| path.is_file()).ok_or_else(|| {
        let problem = format!("{program} is not near this program: start it with cargo bench");
        io::Error::other(problem)
    })
}
