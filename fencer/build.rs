//! What makes the programs start sooner: a fence agent lives for a millisecond.
//!
//! The unwinder is linked in: finding, mapping and relocating `libgcc_s.so.1` takes a fifth of that.
//! The fence agent lies at a fixed address, so that nothing in it is relocated and none of those pages copied; the
//! libraries, the heap and the stack lie elsewhere each time, as in every program.
//!
//! Changes nothing for another C library than glibc; the unwinder is loaded where the C compiler has no `libgcc_eh.a`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if !is_for_this_glibc() {
        return;
    }
    if let Some(folder) = unwinder() {
        println!("cargo::rustc-link-search=native={}", folder.display());
    }
    println!("cargo::rustc-link-arg-bin=fence_palisade=-no-pie");
}

fn is_for_this_glibc() -> bool {
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    let native = env::var("HOST").is_ok_and(|host| is("TARGET", &host));
    native && is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu")
}

/// A folder in which the linker finds, under the name of the shared library, the static one.
fn unwinder() -> Option<PathBuf> {
    let found = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output().ok()?;
    // Without such a file the name alone is printed.
    let found = String::from_utf8(found.stdout).ok()?;
    let library = Path::new(found.trim()).canonicalize().ok().filter(|path| path.is_absolute())?;
    let folder = PathBuf::from(env::var_os("OUT_DIR")?);
    let script = format!("INPUT({} -lgcc)\n", library.display());
    fs::write(folder.join("libgcc_s.so"), script).ok()?;
    Some(folder)
}
