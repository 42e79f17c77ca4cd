//! Links the unwinder into the programs instead of loading `libgcc_s.so.1` at each start: a fence agent
//! lives for a few milliseconds, and finding, mapping and relocating that library was a fifth of them.
//!
//! Changes nothing where the C compiler has no `libgcc_eh.a`, nor for another C library than glibc.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if let Some(folder) = unwinder() {
        println!("cargo::rustc-link-search=native={}", folder.display());
    }
}

/// A folder in which the linker finds, under the name of the shared library, the static one.
fn unwinder() -> Option<PathBuf> {
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    let native = env::var("HOST").ok()? == env::var("TARGET").ok()?;
    if !native || !is("CARGO_CFG_TARGET_OS", "linux") || !is("CARGO_CFG_TARGET_ENV", "gnu") {
        return None;
    }
    let found = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output().ok()?;
    // Without such a file the name alone is printed.
    let found = String::from_utf8(found.stdout).ok()?;
    let library = Path::new(found.trim()).canonicalize().ok().filter(|path| path.is_absolute())?;
    let folder = PathBuf::from(env::var_os("OUT_DIR")?);
    let script = format!("INPUT({} -lgcc)\n", library.display());
    fs::write(folder.join("libgcc_s.so"), script).ok()?;
    Some(folder)
}
