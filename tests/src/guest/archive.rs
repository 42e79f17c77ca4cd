//! The file system a Linux kernel starts with: a cpio archive in the format `newc`, as the kernel's
//! documentation has it (`early-userspace/buffer-format`). Writes bytes; knows no machine.

/// Files, folders and their modes, in the order in which they were put in.
#[derive(Debug, Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

const FOLDER: u32 = 0o040_755;
const FILE: u32 = 0o100_000;
const TRAILER: &str = "TRAILER!!!";

impl Archive {
    /// A folder; those above it must have been put in before.
    pub(super) fn folder(&mut self, path: &str) {
        self.entry(path, FOLDER, &[]);
    }

    /// A file that everybody may read, and run if it `runs`.
    pub(super) fn file(&mut self, path: &str, runs: bool, bytes: &[u8]) {
        self.entry(path, FILE | if runs { 0o755 } else { 0o600 }, bytes);
    }

    /// All of it.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.entry(TRAILER, 0, &[]);
        self.bytes
    }

    fn entry(&mut self, path: &str, mode: u32, bytes: &[u8]) {
        self.entries += 1;
        let [number, name, size] = [self.entries, length(path.len() + 1), length(bytes.len())];
        // Magic; inode, mode, user, group, links, time, size, device (2), own device (2), name's size, check.
        let head = format!(
            "070701{number:08X}{mode:08X}{:08X}{:08X}{:08X}{:08X}{size:08X}{:032X}{name:08X}{:08X}{path}\0",
            0, 0, 1, 0, 0, 0
        );
        self.put(head.as_bytes());
        self.put(bytes);
    }

    /// Head and content each begin at a multiple of four.
    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[expect(clippy::expect_used, reason = "a rig that cannot be set up must stop what uses it")]
fn length(length: usize) -> u32 {
    u32::try_from(length).expect("a file of less than 4 GiB")
}
