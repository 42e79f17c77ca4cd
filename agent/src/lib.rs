//! The watchdog agent of one node: one thread, one loop.
//!
//! It pets the node's watchdog only while a majority of fencers renews the node's lease and the
//! node's service is healthy. Every decision is [`palisade_agent_core`]'s; here are the device, the
//! sockets, the health probe and the clock that it needs.

mod args;
mod control;
mod daemon;
pub mod holder;
pub mod last_words;
mod logger;
mod mail;
mod petting;
pub mod probe;
mod setup;
mod status;
mod telling;
mod wake;
pub mod watchdog;

use clap::Parser;
use std::ffi::OsString;
use std::process::ExitCode;

use args::Args;
use holder::Holder;
use palisade_host::failure::Failure;

/// Runs the agent with these arguments, the program's name first, until its node has left.
///
/// To be called in a process without threads: it forks.
pub fn main_with(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => return usage(&error),
    };
    logger::start();
    let holder = Holder::fork();
    if let Err(error) = &holder {
        log::error!(
            "the watchdog's holder does not start: {error}; if the agent dies it is petted once more"
        );
    }
    setup::daemon(&args, holder.ok())
        .map_or_else(|failure: Failure| failure.tell("palisade-agent"), daemon::Daemon::run)
}

/// Help and version end with 0, every mistake with 2.
fn usage(error: &clap::Error) -> ExitCode {
    // Nobody is helped if standard error is closed.
    error.print().ok();
    if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS }
}
