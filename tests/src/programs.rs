//! Our own programs, built for what starts them. Runs none of them.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::{env, io};

/// What cargo tells the program that it runs about that program's package. A build script that looks at it,
/// as that of ring does, would run again, and all that hangs on it be built again, at each measurement.
const ABOUT_US: [&str; 2] = ["CARGO_MANIFEST_", "CARGO_PKG_"];

/// Says to tests that every program is built, so that none builds beside tests that measure time.
const ALL_BUILT: &str = "PALISADE_BUILT";

/// Builds `program` of `package` for release, if need be, and says where it is.
///
/// # Errors
/// If it does not build.
pub fn released(package: &str, program: &str) -> io::Result<PathBuf> {
    built("release", package, program)
}

/// The same as it is installed: with the profile `ship`.
///
/// # Errors
/// If it does not build.
pub fn shipped(package: &str, program: &str) -> io::Result<PathBuf> {
    built("ship", package, program)
}

/// `program` of `package` as the running test was built; built if need be, unless whoever started the
/// test says by `PALISADE_BUILT` that it has built all.
///
/// # Errors
/// If it does not build, or is not built though said to be.
pub fn tested(package: &str, program: &str) -> io::Result<PathBuf> {
    let place = near_this_program(2)?;
    if env::var_os(ALL_BUILT).is_none() {
        let profile = if place.ends_with("release") { "release" } else { "dev" };
        expect_success(build(profile, package, program)?, package, program)?;
    }
    expect_file(place.join(program), &format!("start again without {ALL_BUILT}"))
}

fn built(profile: &str, package: &str, program: &str) -> io::Result<PathBuf> {
    expect_success(build(profile, package, program)?, package, program)?;
    let place = near_this_program(3)?.join(profile).join(program);
    expect_file(place, "start it with cargo bench")
}

fn build(profile: &str, package: &str, program: &str) -> io::Result<ExitStatus> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--profile", profile, "--locked"]);
    build.args(["--package", package, "--bin", program]);
    for (name, _) in env::vars_os() {
        if ABOUT_US.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            build.env_remove(name);
        }
    }
    build.status()
}

/// The folder that many steps above this program, which runs from `target/PROFILE/deps`.
fn near_this_program(steps: usize) -> io::Result<PathBuf> {
    let this = env::current_exe()?;
    let place = this.ancestors().nth(steps).map(Path::to_path_buf);
    place.ok_or_else(|| io::Error::other(format!("{} is in no target folder", this.display())))
}

fn expect_success(status: ExitStatus, package: &str, program: &str) -> io::Result<()> {
    let problem = || format!("{program} does not build: cargo build -p {package}");
    if status.success() { Ok(()) } else { Err(io::Error::other(problem())) }
}

fn expect_file(path: PathBuf, remedy: &str) -> io::Result<PathBuf> {
    let problem = || format!("{} is not built: {remedy}", path.display());
    if path.is_file() { Ok(path) } else { Err(io::Error::other(problem())) }
}
