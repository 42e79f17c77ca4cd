//! The log: lines on standard error, for systemd or a file.
//!
//! Whoever logs never waits: a line that finds the reader stuck is dropped and counted. A watchdog's
//! loop that waits for its log is a machine that resets because of its log.

use core::fmt::Write;
use core::sync::atomic::{AtomicU64, Ordering};
use heapless::String;
use log::{Level, LevelFilter, Log, Metadata, Record};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::write;
use std::os::fd::AsFd;

/// Longest line; below the kernel's `PIPE_BUF`, so that a ready pipe takes it whole.
const LINE_MAX: usize = 1024;

/// Environment variable with the level: `error`, `warn`, `info` (default), `debug` or `trace`.
const LEVEL_VARIABLE: &str = "PALISADE_LOG";

/// Standard error without waiting.
#[derive(Debug, Default)]
struct Logger {
    dropped: AtomicU64,
}

static LOGGER: Logger = Logger { dropped: AtomicU64::new(0) };

/// Sends the log of this process to standard error; does nothing if it goes somewhere already.
pub(crate) fn start() {
    if log::set_logger(&LOGGER).is_ok() {
        let asked = std::env::var(LEVEL_VARIABLE).ok();
        log::set_max_level(asked.and_then(|name| name.parse().ok()).unwrap_or(LevelFilter::Info));
    }
}

impl Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        if !record.target().starts_with("palisade") && record.level() > Level::Warn {
            return;
        }
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 && !put(Level::Warn, format_args!("{dropped} log lines were dropped")) {
            self.dropped.fetch_add(dropped, Ordering::Relaxed);
        }
        if !put(record.level(), *record.args()) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flush(&self) {}
}

/// Writes one line unless that would wait; false if it would, or nobody reads.
fn put(level: Level, text: core::fmt::Arguments<'_>) -> bool {
    let stderr = std::io::stderr();
    let mut room = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    let is_ready = poll(&mut room, PollTimeout::ZERO) == Ok(1)
        && room.iter().all(|fd| fd.revents() == Some(PollFlags::POLLOUT));
    is_ready && write(&stderr, line(level, text).as_bytes()).is_ok()
}

/// A line as systemd reads it: priority, then text; cut if it is too long.
fn line(level: Level, text: core::fmt::Arguments<'_>) -> String<LINE_MAX> {
    let mut line = String::new();
    let mut body: String<{ LINE_MAX - 32 }> = String::new();
    // Failure means that the rest did not fit.
    write!(body, "{text}").ok();
    writeln!(line, "<{}>palisade-agent: {body}", priority(level)).ok();
    line
}

const fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_priority_and_one_end() {
        assert_eq!(
            line(Level::Error, format_args!("no quorum")).as_str(),
            "<3>palisade-agent: no quorum\n"
        );
    }

    #[test]
    fn a_line_too_long_still_ends() {
        let long = "x".repeat(5_000);
        let line = line(Level::Info, format_args!("{long} {}", 1));
        assert!(line.len() <= LINE_MAX && line.ends_with('\n'));
    }
}
