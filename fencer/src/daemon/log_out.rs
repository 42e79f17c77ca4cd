//! The log: lines on standard error, written by a thread of its own.
//!
//! Whoever logs never waits: when the reader of standard error is stuck, lines are dropped and counted.
//! Knows nothing of files or rotation; systemd's journal does that.

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use log::{LevelFilter, Log, Metadata, Record};

/// Lines that may wait for a slow reader.
const WAITING_MAX: usize = 512;

/// Environment variable with the level: `error`, `warn`, `info` (default), `debug` or `trace`.
const LEVEL_VARIABLE: &str = "PALISADE_LOG";

#[derive(Debug)]
struct LogOut {
    lines: SyncSender<Entry>,
    dropped: AtomicU64,
}

/// What the writing thread is given.
#[derive(Debug)]
enum Entry {
    Line(String),
    /// Everything before it is written when this is dropped.
    Flush {
        _done: SyncSender<()>,
    },
}

/// Longest wait for the last lines.
const FLUSH_MAX: Duration = Duration::from_secs(1);

/// Sends the log of this process to standard error; does nothing if it goes somewhere already.
pub(super) fn start() -> std::io::Result<()> {
    let (lines, waiting) = sync_channel(WAITING_MAX);
    std::thread::Builder::new().name("log".into()).spawn(move || write(&waiting))?;
    let out = Box::new(LogOut { lines, dropped: AtomicU64::new(0) });
    if log::set_boxed_logger(out).is_ok() {
        log::set_max_level(level());
    }
    Ok(())
}

fn level() -> LevelFilter {
    let asked = std::env::var(LEVEL_VARIABLE).ok();
    asked.and_then(|name| name.parse().ok()).unwrap_or(LevelFilter::Info)
}

fn write(waiting: &Receiver<Entry>) {
    while let Ok(entry) = waiting.recv() {
        if let Entry::Line(line) = entry
            && std::io::stderr().lock().write_all(line.as_bytes()).is_err()
        {
            return;
        }
    }
}

impl Log for LogOut {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0
            && !self.send(format!("<4>palisade-fencer: {dropped} log lines were dropped\n"))
        {
            self.dropped.fetch_add(dropped, Ordering::Relaxed);
        }
        if !self.send(line(record)) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until all lines are written, but not for ever.
    fn flush(&self) {
        let (done, all_written) = sync_channel(1);
        if self.lines.try_send(Entry::Flush { _done: done }).is_ok() {
            // Ends when the entry is dropped, or with the patience.
            all_written.recv_timeout(FLUSH_MAX).unwrap_or_default();
        }
    }
}

impl LogOut {
    fn send(&self, line: String) -> bool {
        match self.lines.try_send(Entry::Line(line)) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }
}

/// A line as systemd reads it: priority, then text.
fn line(record: &Record<'_>) -> String {
    let priority = match record.level() {
        log::Level::Error => 3,
        log::Level::Warn => 4,
        log::Level::Info => 6,
        log::Level::Debug | log::Level::Trace => 7,
    };
    format!("<{priority}>palisade-fencer: {}\n", record.args())
}
