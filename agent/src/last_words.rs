//! What the agent said last, written ahead so that it survives the reset that it explains.
//!
//! The loop hands words to a thread through a pipe that never blocks it; the thread puts them on disk.
//! One file, one line, overwritten: this is no log.

use core::fmt;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{pipe2, read, write};
use palisade_protocol::ids::BootId;
use palisade_protocol::time::Instant;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::thread;

/// Every record is as long as this, blanks at its end: an overwritten line leaves no rest of the old one.
const LINE_LEN: usize = 256;

/// Stack of the thread: under `mlockall` every page of it is locked.
const STACK: usize = 64 * 1024;

/// The name of the file in the state directory.
pub const FILE_NAME: &str = "last-words";

/// The loop's end.
#[derive(Debug)]
pub struct LastWords {
    boot: BootId,
    pipe: OwnedFd,
    lost: u64,
}

/// What a former life said last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epitaph {
    /// Which life.
    pub boot: BootId,
    /// When, on the clock of that life.
    pub at: Instant,
    /// What.
    pub said: String,
}

impl LastWords {
    /// Starts the thread that writes to `path` for the life `boot`.
    ///
    /// # Errors
    /// If the file cannot be written, or there are no more descriptors or threads.
    pub fn start(path: &Path, boot: BootId) -> io::Result<Self> {
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let (outlet, pipe) = pipe2(OFlag::O_CLOEXEC)?;
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        thread::Builder::new()
            .name("last-words".into())
            .stack_size(STACK)
            .spawn(move || write_all_from(&outlet, &file))?;
        Ok(Self { boot, pipe, lost: 0 })
    }

    /// Says something new. Neither waits nor allocates; words that find the pipe full are counted and lost.
    pub fn say(&mut self, now: Instant, what: fmt::Arguments<'_>) {
        let line = line(self.boot, now, what);
        // The kernel writes a record this short whole or not at all (PIPE_BUF is 4096).
        if write(&self.pipe, &line).is_err() {
            self.lost = self.lost.saturating_add(1);
        }
    }

    /// How many words were lost because the disk did not keep up.
    pub const fn lost(&self) -> u64 {
        self.lost
    }
}

impl Epitaph {
    /// Reads `path`; `None` if nothing readable stands there.
    pub fn read(path: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(path).ok()?)
    }

    /// Whether it was said in another life than `boot`.
    pub fn is_of_former_life(&self, boot: BootId) -> bool {
        self.boot != boot
    }

    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.trim_end().splitn(3, ' ');
        let boot = u64::from_str_radix(fields.next()?.strip_prefix("boot=")?, 16).ok()?;
        let at = fields.next()?.strip_prefix("t_ns=")?.parse().ok()?;
        let said = fields.next()?.strip_prefix("said=")?.to_owned();
        Some(Self { boot: BootId(boot), at: Instant::from_nanos(at), said })
    }
}

impl fmt::Display for Epitaph {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "life {} said {} after its boot: {}", self.boot, self.at, self.said)
    }
}

/// One record; what does not fit is cut off.
fn line(boot: BootId, now: Instant, what: fmt::Arguments<'_>) -> [u8; LINE_LEN] {
    let mut line = [b' '; LINE_LEN];
    let (text, end) = line.split_at_mut(LINE_LEN - 1);
    let mut rest = text;
    // Failure means that the room was too short: what fits stands there.
    drop(write!(rest, "boot={boot} t_ns={} said={what}", now.as_nanos()));
    end.copy_from_slice(b"\n");
    line
}

/// Writes record after record, only the newest if several wait. Ends when the loop is gone.
fn write_all_from(outlet: &OwnedFd, file: &File) {
    let mut waiting = [0; 16 * LINE_LEN];
    while let Ok(len @ 1..) = read(outlet, &mut waiting) {
        let newest = waiting.get(..len).and_then(|records| records.rchunks_exact(LINE_LEN).next());
        let written = newest
            .map_or(Ok(()), |record| file.write_all_at(record, 0).and_then(|()| file.sync_data()));
        if let Err(error) = written {
            log::warn!(
                "last words could not be written: {error}; is the state directory's disk full?"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_host::clock;
    use palisade_protocol::time::Duration;
    use std::sync::mpsc;

    const BOOT: BootId = BootId(0xfeed);

    /// Waits until `path` says `what`, at most five seconds.
    fn wait_for(path: &Path, what: &str) -> Epitaph {
        let (_never, tick) = mpsc::channel::<()>();
        let deadline = clock::now() + Duration::from_secs(5);
        while clock::now() < deadline {
            if let Some(epitaph) = Epitaph::read(path).filter(|epitaph| epitaph.said == what) {
                return epitaph;
            }
            tick.recv_timeout(Duration::from_millis(2)).ok();
        }
        panic!("never said {what:?}: {:?}", fs::read_to_string(path));
    }

    #[test]
    fn the_next_life_reads_what_the_former_one_said_last() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join(FILE_NAME);
        let mut words = LastWords::start(&path, BOOT).expect("it starts");
        words.say(Instant::from_millis(5), format_args!("petting, and a long story about it"));
        wait_for(&path, "petting, and a long story about it");
        words.say(Instant::from_millis(9), format_args!("quorum lost"));
        let epitaph = wait_for(&path, "quorum lost");
        assert_eq!(epitaph.at, Instant::from_millis(9));
        assert!(epitaph.is_of_former_life(BootId(1)) && !epitaph.is_of_former_life(BOOT));
        assert_eq!(words.lost(), 0);
    }

    #[test]
    fn words_too_long_are_cut_and_still_read() {
        let long = "x".repeat(1_000);
        let record = line(BOOT, Instant::BOOT, format_args!("{long}"));
        let epitaph = Epitaph::parse(str::from_utf8(&record).expect("ASCII")).expect("it reads");
        assert!(epitaph.said.len() > 150 && long.starts_with(&epitaph.said));
    }

    #[test]
    fn a_file_of_something_else_is_no_epitaph() {
        for text in ["", "\n", "boot=x t_ns=1 said=a", "boot=1 said=a", "boot=1 t_ns=1"] {
            assert_eq!(Epitaph::parse(text), None, "{text:?}");
        }
    }
}
