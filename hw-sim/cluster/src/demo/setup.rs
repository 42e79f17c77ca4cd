//! Sets a demo up: directory, addresses, keys, passwords, configuration, hook, hardware.
//!
//! Everything is private to the user and stands below one temporary directory. Starts no daemon.

use super::config_text::config;
use super::hook;
use super::layout::{Block, Files};
use super::node::Node;
use super::rig::{Happening, Rig};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{AccessFlags, access};
use palisade_host::keys;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use tempfile::TempDir;

/// A new directory, which is removed when the value is dropped.
///
/// In memory where there is such a place, unless `TMPDIR` names another: the simulated machines have
/// disks of their own, and must not wait for whatever else this machine's disk is doing.
pub fn home() -> io::Result<TempDir> {
    let asked = std::env::var_os("TMPDIR").map(PathBuf::from);
    let root = asked.or_else(in_memory).unwrap_or_else(std::env::temp_dir);
    let short = root.as_os_str().len() <= ROOT_MAX;
    let root = if short { root } else { PathBuf::from("/tmp") };
    tempfile::Builder::new().prefix("palisade-demo-").tempdir_in(root)
}

/// Where files live in memory, if programs may be run from there: a hook is one.
fn in_memory() -> Option<PathBuf> {
    let place = PathBuf::from("/dev/shm");
    let flags = statvfs(&place).ok()?.flags();
    let useful = !flags.intersects(FsFlags::ST_NOEXEC | FsFlags::ST_RDONLY);
    let writable = access(&place, AccessFlags::W_OK | AccessFlags::X_OK).is_ok();
    (useful && writable).then_some(place)
}

/// A Unix socket's path has 107 bytes at most; what stands below the root takes 40.
const ROOT_MAX: usize = 60;

/// Writes everything that daemons read and powers the hardware.
///
/// Errs when an address, a file or a socket cannot be had.
pub fn set_up(files: &Files, inbox: &Sender<Happening>) -> io::Result<Rig> {
    let block = Block::claim(block_hint()).ok_or_else(|| {
        io::Error::other("64 blocks of loopback addresses are all in use; end other demos first")
    })?;
    let password = password()?;
    let mut public_keys = Vec::new();
    for node in Node::ALL {
        std::fs::DirBuilder::new().mode(0o700).create(files.of(node))?;
        write_private(&files.file(node, "bmc.pw"), &password)?;
        let key = keys::generate(&files.file(node, "node.key")).map_err(io::Error::other)?;
        public_keys.push(key.to_string());
    }
    let key_of = |node: Node| public_keys.get(node.index()).cloned().unwrap_or_default();
    write_private(&files.config(), &config(&block, files, key_of))?;
    hook::write_program(files, &std::env::current_exe()?)?;
    let tell = inbox.clone();
    hook::listen(files.hook_socket(), move |waiting| {
        // A stage that has gone starts nothing.
        tell.send(Happening::Hook(waiting)).unwrap_or_default();
    })?;
    Rig::start(block, files, &password, inbox)
}

/// Different for each process, so that several demos seldom meet.
fn block_hint() -> u16 {
    let spread = std::process::id().wrapping_mul(0x9e37_79b1);
    u16::try_from(spread >> 16).unwrap_or_default()
}

/// Sixteen random hexadecimal digits; a BMC takes twenty bytes at most.
fn password() -> io::Result<String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(format!("{:016x}", u64::from_ne_bytes(bytes)))
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = std::fs::File::options().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{text}")
}
