//! The kernel's emergency reboot: the last way to make the machine reset.
//!
//! Opened before it is needed, so that a full descriptor table or a stuck file system cannot prevent it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Where the kernel takes the order.
const TRIGGER: &str = "/proc/sysrq-trigger";

/// Reboots at once, syncs nothing.
const REBOOT_NOW: &[u8] = b"b";

/// An open way to reboot at once.
#[derive(Debug)]
pub(super) struct Sysrq {
    trigger: File,
}

impl Sysrq {
    /// Opens it; `None` if the kernel does not offer it to us.
    pub(super) fn open() -> Option<Self> {
        Self::open_at(Path::new(TRIGGER)).ok()
    }

    /// Reboots the machine. Returns only if that failed.
    pub(super) fn reboot_now(&mut self) -> io::Result<()> {
        self.trigger.write_all(REBOOT_NOW)
    }

    fn open_at(path: &Path) -> io::Result<Self> {
        OpenOptions::new().write(true).open(path).map(|trigger| Self { trigger })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_one_letter() {
        let stand_in = tempfile::NamedTempFile::new().expect("a temporary file");
        Sysrq::open_at(stand_in.path()).expect("it opens").reboot_now().expect("it is written");
        assert_eq!(std::fs::read(stand_in.path()).expect("it is readable"), b"b");
    }
}
