//! What the power layer says meanwhile: the steps of each session, for `verbose` and `debug_file`, and for the system's
//! log what a caller that kills this agent would never hear. No password is among them.

use std::fs::{File, OpenOptions};
use std::io::{Write as _, stderr};

use log::{LevelFilter, Log, Metadata, Record};

use super::answer::Failed;
use super::option;
use super::syslog::{self, Grade};
use super::values::Values;
use crate::power::OVERDUE;

/// Where the lines go.
#[derive(Debug)]
struct Trace {
    verbose: bool,
    file: Option<File>,
}

/// From now on it is told where it belongs.
pub(super) fn start(values: &Values) -> Result<(), Failed> {
    let level = values.number(&option::VERBOSE_LEVEL)?;
    let verbose = level > 0 || values.flag(&option::VERBOSE)?;
    let file = values.one(&option::DEBUG_FILE)?.map(open).transpose()?;
    log::set_max_level(match (level, verbose || file.is_some()) {
        (_, false) => LevelFilter::Warn,
        (..=1, true) => LevelFilter::Debug,
        (2.., true) => LevelFilter::Trace,
    });
    log::set_boxed_logger(Box::new(Trace { verbose, file }))
        .map_err(|error| Failed::new(format!("log: {error}; report this")))
}

fn open(path: &str) -> Result<File, Failed> {
    let opened = OpenOptions::new().append(true).create(true).open(path);
    opened.map_err(|error| Failed::new(format!("debug_file {path:?}: {error}; name another")))
}

impl Log for Trace {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("palisade")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        if record.target() == OVERDUE {
            syslog::tell(Grade::Warning, &record.args().to_string());
        }
        let line = format!("{}: {}\n", record.level(), record.args());
        if self.verbose {
            stderr().write_all(line.as_bytes()).unwrap_or_default();
        }
        if let Some(mut file) = self.file.as_ref() {
            file.write_all(line.as_bytes()).unwrap_or_default();
        }
    }

    fn flush(&self) {}
}
