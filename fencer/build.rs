//! What makes the programs start sooner: a fence agent lives for a millisecond.
//!
//! The unwinder is linked in: finding, mapping and relocating `libgcc_s.so.1` takes a fifth of that.
//! The fence agent has the C library in it as well, so that nothing is loaded when it starts: a quarter. It asks a
//! program for the addresses of names, since what the library would load for that may not fit it.
//!
//! Changes nothing for another C library than glibc, and leaves out what the C compiler does not have.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// All that the standard library may ask the linker for, under the names of shared libraries.
const C_LIBRARY: [&str; 6] = ["c", "m", "rt", "pthread", "util", "dl"];

/// Where a program begins that has all in it and lies anywhere: it moves itself. Older libraries have none.
const START: &str = "rcrt1.o";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if !is_for_this_glibc() {
        return;
    }
    let Some(unwinder) = stand_in("unwinder", "gcc_s", "gcc_eh", "-lgcc") else { return };
    println!("cargo::rustc-link-search=native={}", unwinder.display());
    let library = C_LIBRARY.map(|name| stand_in("library", name, name, ""));
    if let [Some(folder), ..] = &library
        && library.iter().all(Option::is_some)
        && located(START).is_some()
    {
        println!("cargo::rustc-link-arg-bin=fence_palisade=-L{}", folder.display());
        println!("cargo::rustc-link-arg-bin=fence_palisade=-static-pie");
    }
}

fn is_for_this_glibc() -> bool {
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    let native = env::var("HOST").is_ok_and(|host| is("TARGET", &host));
    native && is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu")
}

/// The folder of that name, in which the linker finds, as the shared library `shared`, the archive `archive` and
/// `more`.
fn stand_in(folder: &str, shared: &str, archive: &str, more: &str) -> Option<PathBuf> {
    let archive = located(&format!("lib{archive}.a"))?;
    let folder = PathBuf::from(env::var_os("OUT_DIR")?).join(folder);
    fs::create_dir_all(&folder).ok()?;
    let script = format!("INPUT({} {more})\n", archive.display());
    fs::write(folder.join(format!("lib{shared}.so")), script).ok()?;
    Some(folder)
}

/// Where the C compiler has the file of that name.
fn located(name: &str) -> Option<PathBuf> {
    let found = Command::new("cc").arg(format!("-print-file-name={name}")).output().ok()?;
    // Without such a file the name alone is printed.
    let found = String::from_utf8(found.stdout).ok()?;
    Path::new(found.trim()).canonicalize().ok().filter(|path| path.is_absolute())
}
