//! What `verbose` and `debug_file` show: the steps of each session. No password is among them.

use std::fs::{File, OpenOptions};
use std::io::{Write as _, stderr};

use log::{LevelFilter, Log, Metadata, Record};

use super::answer::Failed;
use super::option;
use super::values::Values;

/// Where the lines go.
#[derive(Debug)]
struct Trace {
    verbose: bool,
    file: Option<File>,
}

/// Starts tracing if an option asks for it.
pub(super) fn start(values: &Values) -> Result<(), Failed> {
    let level = values.number(&option::VERBOSE_LEVEL)?;
    let verbose = level > 0 || values.flag(&option::VERBOSE)?;
    let file = values.one(&option::DEBUG_FILE)?.map(open).transpose()?;
    if !verbose && file.is_none() {
        return Ok(());
    }
    log::set_max_level(if level > 1 { LevelFilter::Trace } else { LevelFilter::Debug });
    log::set_boxed_logger(Box::new(Trace { verbose, file }))
        .map_err(|error| Failed::new(format!("verbose: {error}; leave it out")))
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
