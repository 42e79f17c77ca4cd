//! Reads a file that holds hosts.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Longest file: more than [`super::HOSTS_MAX`] of the longest names that anybody uses.
const BYTES_MAX: u64 = 4 << 20;

/// The file's text.
///
/// # Errors
/// If it cannot be read, is no text or is longer than 4 MiB.
pub fn read_file(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?.take(BYTES_MAX + 1).read_to_string(&mut text)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > BYTES_MAX {
        return Err(io::Error::other("it is longer than 4 MiB"));
    }
    Ok(text)
}
