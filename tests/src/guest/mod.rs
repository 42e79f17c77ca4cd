//! A Linux kernel in virtual time: Debian's, started by QEMU with programs of this machine and a script.
//!
//! QEMU counts instructions and lets time pass by them (`-icount`), and leaps over the time in which the guest
//! waits: what takes a minute there takes a moment here, and a busy machine makes nothing late. So its
//! clocks may be read, set and judged. No disk, no network but the guest's loopback; ends with the script.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a rig that cannot be set up must stop what uses it"
)]

mod archive;
mod transcript;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs};

use tempfile::TempDir;

use self::archive::Archive;
pub use self::transcript::{Act, Transcript};
use crate::tree;

/// Installs the kernel and the guest's shell.
const REMEDY: &str = "tests/run --only peers installs it";

/// What every script begins with; it prints one line for an act: `act NAME EXIT BEGAN ENDED WALL WALL`, with
/// the seconds since the start of the guest and the seconds of its wall clock, both before and after.
const PRELUDE: &str = include_str!("prelude.sh");

/// What it says at its end.
const END: &str = "end of script";

/// An instruction takes `2^this` nanoseconds: a processor of 500 million a second.
const SHIFT: u32 = 1;

/// A guest that was not started yet.
#[derive(Debug)]
pub struct Guest {
    archive: Archive,
    folders: BTreeSet<String>,
    files: BTreeSet<String>,
    script: String,
}

impl Guest {
    /// One that runs `script` in busybox' shell, as root, and ends.
    #[must_use]
    pub fn new(script: &str) -> Self {
        let mut guest = Self {
            archive: Archive::default(),
            folders: BTreeSet::new(),
            files: BTreeSet::new(),
            script: format!("{PRELUDE}\n{script}\necho {END}\npoweroff -f\n"),
        };
        for folder in ["proc", "sys", "dev", "run", "tmp", "sbin", "usr/bin", "usr/sbin"] {
            guest.folder(folder);
        }
        guest.copy(&peer("busybox"), "bin/busybox");
        guest
    }

    /// Puts a file in at `path`, for its owner alone; it may be run if it `runs`.
    #[must_use]
    pub fn with_file(mut self, path: &str, runs: bool, text: &str) -> Self {
        self.file(path, runs, text.as_bytes());
        self
    }

    /// Puts `program` in at `/bin`, without what only a debugger reads, and the libraries it is linked to.
    ///
    /// # Panics
    /// If it, `strip` or `ldd` is missing.
    #[must_use]
    pub fn with_program(mut self, program: &Path) -> Self {
        let name = program.file_name().expect("a program").to_string_lossy();
        let folder = TempDir::new().expect("a temporary folder");
        let small = folder.path().join(&*name);
        let mut strip = Command::new("strip");
        let stripped = strip.arg("-o").args([&small, program]).status();
        assert!(stripped.is_ok_and(|status| status.success()), "strip {}", program.display());
        self.copy(&small, &format!("bin/{name}"));
        for library in libraries(program) {
            let path = library.to_string_lossy().into_owned();
            self.copy(&library, path.trim_start_matches('/'));
        }
        self
    }

    /// Starts it, waits for its end, and returns what it said.
    ///
    /// # Panics
    /// If it cannot be started, or its script fails.
    #[must_use]
    pub fn run(mut self) -> Transcript {
        let script = std::mem::take(&mut self.script);
        self.file("init", true, script.as_bytes());
        let folder = TempDir::new().expect("a temporary folder");
        let files = folder.path().join("files");
        let bytes = self.archive.finish();
        // Twice what is unpacked, and what programs need.
        let mebibytes = 256 + 3 * (bytes.len() >> 20);
        fs::write(&files, bytes).expect("a temporary file");
        let mut running = Running(qemu(&files, mebibytes));
        let console = running.0.stdout.take().expect("its console");
        let transcript = Transcript::read(console);
        assert!(transcript.has(END), "{transcript:#?}");
        transcript
    }

    fn copy(&mut self, from: &Path, to: &str) {
        let bytes = fs::read(from).unwrap_or_else(|why| panic!("{}: {why}", from.display()));
        self.file(to, true, &bytes);
    }

    fn file(&mut self, path: &str, runs: bool, bytes: &[u8]) {
        if self.files.insert(path.to_owned()) {
            if let Some((folder, _)) = path.rsplit_once('/') {
                self.folder(folder);
            }
            self.archive.file(path, runs, bytes);
        }
    }

    fn folder(&mut self, path: &str) {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        for folder in ends.filter_map(|end| path.get(..end)) {
            if self.folders.insert(folder.to_owned()) {
                self.archive.folder(folder);
            }
        }
    }
}

/// Ended when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn qemu(files: &Path, mebibytes: usize) -> Child {
    // It says nothing but what its script says, and a panic ends it.
    let terms = "console=ttyS0 quiet loglevel=1 panic=-1 nokaslr tsc=reliable no_timer_check";
    let started = Command::new("qemu-system-x86_64")
        .args(["-accel", "tcg", "-machine", "q35", "-nodefaults", "-display", "none"])
        .args(["-icount", &format!("shift={SHIFT},sleep=off"), "-no-reboot", "-serial", "stdio"])
        .args(["-rtc", "base=2026-03-01T04:05:06,clock=vm", "-m", &mebibytes.to_string()])
        .arg("-kernel")
        .arg(peer("vmlinuz"))
        .arg("-initrd")
        .arg(files)
        .args(["-append", terms])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn();
    started.expect("qemu-system-x86_64 is missing: apt-get install qemu-system-x86")
}

/// A part of a guest that is no program of this machine.
fn peer(path: &str) -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let path = target.unwrap_or_else(|| tree::root().join("target")).join("peers/guest").join(path);
    assert!(path.exists(), "{}: {REMEDY}", path.display());
    path
}

/// What the loader would load for it, itself included.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let told = Command::new("ldd")
        .arg(program)
        .output()
        .expect("ldd is missing: apt-get install libc-bin");
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    told.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}
