//! The journal of a node: what happened, one JSON object a line, appended and never rewritten.
//!
//! `{"t_ns":…,"node":"node1","by":"fencer","event":"suspected","target":"node3","detail":"…"}`.
//! A [`Journal`] writes in the calling thread; a [`Scribe`] hands lines to a thread of its own and
//! never waits. Nothing is ever decided by what a journal says.

use std::fs::{DirBuilder, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};

use palisade_protocol::time::{Duration, Instant};
use serde::Serialize;

/// Which program says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// `palisade-agent`.
    Agent,
    /// `palisade-fencer`.
    Fencer,
}

/// What happened; the names are a contract with scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Something was broken on purpose.
    Fault,
    /// A voter has granted the node nothing for too long.
    Suspected,
    /// A majority agreed that the node may be cut off.
    Warrant,
    /// The order to power off was sent.
    OffSent,
    /// Power was read off, twice.
    OffVerified,
    /// A proof of death stands.
    Fenced,
    /// The service was started elsewhere.
    Promoted,
    /// The order to power on was sent.
    OnSent,
    /// Power was read on.
    OnVerified,
    /// A new life of the node was admitted.
    Admitted,
    /// The node ends its own life.
    SelfReset,
    /// The agent does not pet; once for each change of reason.
    RefusedPet,
    /// Somebody has to look.
    Alarm,
    /// A daemon started.
    Started,
    /// A majority came or went.
    Quorum,
    /// A voter did not agree.
    Declined,
    /// A link or peer is not heard any more.
    Lost,
    /// It is heard again.
    Rejoined,
    /// An operator's program ran.
    Hook,
}

impl What {
    /// Every kind, the contract's first.
    pub const ALL: [Self; 19] = [
        Self::Fault,
        Self::Suspected,
        Self::Warrant,
        Self::OffSent,
        Self::OffVerified,
        Self::Fenced,
        Self::Promoted,
        Self::OnSent,
        Self::OnVerified,
        Self::Admitted,
        Self::SelfReset,
        Self::RefusedPet,
        Self::Alarm,
        Self::Started,
        Self::Quorum,
        Self::Declined,
        Self::Lost,
        Self::Rejoined,
        Self::Hook,
    ];

    /// The name in journals, JSON and pictures.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Suspected => "suspected",
            Self::Warrant => "warrant",
            Self::OffSent => "off_sent",
            Self::OffVerified => "off_verified",
            Self::Fenced => "fenced",
            Self::Promoted => "promoted",
            Self::OnSent => "on_sent",
            Self::OnVerified => "on_verified",
            Self::Admitted => "admitted",
            Self::SelfReset => "self_reset",
            Self::RefusedPet => "refused_pet",
            Self::Alarm => "alarm",
            Self::Started => "started",
            Self::Quorum => "quorum",
            Self::Declined => "declined",
            Self::Lost => "lost",
            Self::Rejoined => "rejoined",
            Self::Hook => "hook",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.name() == name)
    }

    /// Whether scripts may rely on it; the others only help a reader.
    pub const fn is_contract(self) -> bool {
        match self {
            Self::Fault
            | Self::Suspected
            | Self::Warrant
            | Self::OffSent
            | Self::OffVerified
            | Self::Fenced
            | Self::Promoted
            | Self::OnSent
            | Self::OnVerified
            | Self::Admitted
            | Self::SelfReset
            | Self::RefusedPet
            | Self::Alarm => true,
            Self::Started
            | Self::Quorum
            | Self::Declined
            | Self::Lost
            | Self::Rejoined
            | Self::Hook => false,
        }
    }
}

/// One line of the journal.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Event<'a> {
    /// When, on the boot clock.
    #[serde(rename = "t_ns", serialize_with = "as_nanos")]
    pub at: Instant,
    /// Who says so: the node.
    pub node: &'a str,
    /// Who says so: the program.
    pub by: By,
    /// What happened.
    #[serde(rename = "event")]
    pub what: What,
    /// To which node, if to another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<&'a str>,
    /// In words.
    pub detail: &'a str,
}

fn as_nanos<S: serde::Serializer>(at: &Instant, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_u64(at.as_nanos())
}

/// Longest line; a longer detail is cut, and ends in an ellipsis.
pub const LINE_MAX: usize = 1024;

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step} the journal {}: {source}; is its folder writable and its disk not full?", path.display())]
pub struct JournalError {
    /// The file.
    pub path: PathBuf,
    /// Which step.
    pub step: &'static str,
    /// What the system said.
    pub source: std::io::Error,
}

/// A journal written in the calling thread: each line in one write, so that lines of several
/// processes do not mix.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Opens `path` for appending, 0640; makes it, and its folder, if need be. Ends a line that a
    /// crash left unfinished.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let opened = make_folder_of(path).and_then(|()| open_appending(path));
        let path = path.to_path_buf();
        match opened {
            Ok(file) => Ok(Self { file, path }),
            Err(source) => Err(JournalError { path, step: "open", source }),
        }
    }

    /// Appends one line.
    pub fn note(&mut self, event: &Event<'_>) -> Result<(), JournalError> {
        self.append(&Line::of(event))
    }

    fn append(&mut self, line: &Line) -> Result<(), JournalError> {
        self.file.write_all(line.bytes()).map_err(|source| JournalError {
            path: self.path.clone(),
            step: "append to",
            source,
        })
    }
}

/// Lines that may wait for a slow disk before further ones are dropped.
const WAITING_MAX: usize = 128;

/// How long the end waits for the last lines to be written.
const FAREWELL_MAX: Duration = Duration::from_secs(1);

/// A journal written by a thread of its own, for loops that must never wait.
///
/// Noting an event neither waits nor allocates. Lines that find the queue full, or that the disk
/// refuses, are counted and dropped.
#[derive(Debug)]
pub struct Scribe {
    lines: Option<SyncSender<Line>>,
    finished: Receiver<()>,
    dropped: Arc<AtomicU64>,
}

impl Scribe {
    /// Starts the thread that owns `journal`.
    pub fn start(journal: Journal) -> std::io::Result<Self> {
        let (lines, waiting) = sync_channel(WAITING_MAX);
        let (finish, finished) = sync_channel(1);
        let dropped = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&dropped);
        std::thread::Builder::new()
            .name("scribe".into())
            .stack_size(STACK)
            .spawn(move || write_all(journal, &waiting, &counted, &finish))?;
        Ok(Self { lines: Some(lines), finished, dropped })
    }

    /// Hands a line over; false, and counted, if it was dropped.
    pub fn note(&self, event: &Event<'_>) -> bool {
        let Some(lines) = &self.lines else { return false };
        match lines.try_send(Line::of(event)) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                false
            }
        }
    }

    /// Lines lost so far.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// Waits for the last lines, but not for ever.
impl Drop for Scribe {
    fn drop(&mut self) {
        drop(self.lines.take());
        match self.finished.recv_timeout(FAREWELL_MAX) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {}
            Err(RecvTimeoutError::Timeout) => {
                log::warn!("the journal's last lines were not written: its disk does not answer");
            }
        }
    }
}

/// Stack of the scribe: it formats nothing, and under `mlockall` every page of it is locked.
const STACK: usize = 64 * 1024;

fn write_all(
    mut journal: Journal,
    waiting: &Receiver<Line>,
    dropped: &AtomicU64,
    finish: &SyncSender<()>,
) {
    let mut is_failing = false;
    while let Ok(line) = waiting.recv() {
        match journal.append(&line) {
            Ok(()) => is_failing = false,
            Err(error) => {
                dropped.fetch_add(1, Ordering::Relaxed);
                if !is_failing {
                    log::error!("{error}");
                }
                is_failing = true;
            }
        }
    }
    // Whoever waited may have gone.
    finish.try_send(()).ok();
}

/// A finished line, its end included.
struct Line {
    bytes: [u8; LINE_MAX],
    len: usize,
}

impl Line {
    fn of(event: &Event<'_>) -> Self {
        let mut line = Self { bytes: [0; LINE_MAX], len: 0 };
        if !line.write(event) {
            line.write_cut(event);
        }
        line
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// False if it does not fit.
    fn write(&mut self, event: &Event<'_>) -> bool {
        let mut room: &mut [u8] = &mut self.bytes;
        let written = serde_json::to_writer(&mut room, event);
        let is_whole = written.is_ok() && room.write_all(b"\n").is_ok();
        let left = room.len();
        self.len = if is_whole { LINE_MAX - left } else { 0 };
        is_whole
    }

    /// With less and less of the detail until it fits: escapes make its length hard to foresee.
    fn write_cut(&mut self, event: &Event<'_>) {
        let mut most = LINE_MAX / 2;
        while most > 0 {
            let mut words = [0; LINE_MAX];
            let detail = cut(event.detail, most, &mut words);
            if self.write(&Event { detail, ..*event }) {
                return;
            }
            most /= 2;
        }
    }
}

/// At most `most` bytes of `text`, whole characters, and an ellipsis, put together in `room`.
fn cut<'a>(text: &str, most: usize, room: &'a mut [u8]) -> &'a str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    let parts = [text.get(..end.unwrap_or(0)).unwrap_or(""), "…"];
    let mut len = 0;
    for part in parts {
        if let Some(slot) = room.get_mut(len..len + part.len()) {
            slot.copy_from_slice(part.as_bytes());
            len += part.len();
        }
    }
    room.get(..len).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or("")
}

fn make_folder_of(path: &Path) -> std::io::Result<()> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => DirBuilder::new().recursive(true).mode(0o750).create(folder),
        None => Ok(()),
    }
}

fn open_appending(path: &Path) -> std::io::Result<File> {
    let mut file = File::options().read(true).append(true).create(true).mode(0o640).open(path)?;
    if file.seek(SeekFrom::End(0))? > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(detail: &str) -> Event<'_> {
        Event {
            at: Instant::from_nanos(1_234),
            node: "node1",
            by: By::Fencer,
            what: What::OffSent,
            target: Some("node3"),
            detail,
        }
    }

    fn lines(path: &Path) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_is_the_one_that_scripts_expect() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/fencer.jsonl");
        let mut journal = Journal::open(&path).unwrap();
        journal.note(&event("by warrant 7")).unwrap();
        let about_itself =
            Event { target: None, what: What::RefusedPet, by: By::Agent, ..event("") };
        journal.note(&about_itself).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "{\"t_ns\":1234,\"node\":\"node1\",\"by\":\"fencer\",\"event\":\"off_sent\",\
             \"target\":\"node3\",\"detail\":\"by warrant 7\"}\n\
             {\"t_ns\":1234,\"node\":\"node1\",\"by\":\"agent\",\"event\":\"refused_pet\",\
             \"detail\":\"\"}\n"
        );
    }

    #[test]
    fn a_journal_goes_on_where_it_ended_even_after_a_crash_in_the_middle() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.jsonl");
        Journal::open(&path).unwrap().note(&event("one")).unwrap();
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{whole}{{\"t_ns\":12")).unwrap();
        Journal::open(&path).unwrap().note(&event("two")).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, format!("{whole}{{\"t_ns\":12\n{}", whole.replace("one", "two")));
    }

    #[test]
    fn a_detail_that_is_too_long_is_cut_and_stays_json() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.jsonl");
        let mut journal = Journal::open(&path).unwrap();
        for detail in ["ü".repeat(2_000), "\u{1}\"\n".repeat(700), "x".repeat(1 << 20)] {
            journal.note(&event(&detail)).unwrap();
        }
        for line in lines(&path) {
            let detail = line["detail"].as_str().unwrap();
            assert!(detail.ends_with('…') && detail.len() > 60, "{line}");
        }
        assert!(std::fs::read_to_string(&path).unwrap().lines().all(|line| line.len() < LINE_MAX));
    }

    #[test]
    fn a_scribe_writes_all_it_took_before_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.jsonl");
        let scribe = Scribe::start(Journal::open(&path).unwrap()).unwrap();
        let taken = (0..100).filter(|_| scribe.note(&event("x"))).count();
        drop(scribe);
        assert_eq!(lines(&path).len(), taken);
    }

    #[test]
    fn a_scribe_whose_disk_is_stuck_drops_and_counts_and_never_waits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        // A pipe that nobody reads takes 64 KiB and then blocks whoever writes.
        let file = File::options().read(true).write(true).open(&path).unwrap();
        let scribe = Scribe::start(Journal { file, path }).unwrap();
        let long = "x".repeat(900);
        let mut noted = 0_u64;
        while scribe.dropped() == 0 && noted < 10_000 {
            scribe.note(&event(&long));
            noted += 1;
        }
        assert_eq!(scribe.dropped(), 1, "after {noted} lines");
    }

    #[test]
    fn a_journal_without_a_place_says_so() {
        let said = Journal::open(Path::new("/proc/none/agent.jsonl")).unwrap_err().to_string();
        assert!(said.starts_with("cannot open the journal /proc/none/agent.jsonl"), "{said}");
    }
}
