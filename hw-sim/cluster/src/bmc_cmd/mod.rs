//! `palisade-sim bmc`: simulated BMCs on loopback, for people, scripts and other programs' tests.
//!
//! Serves until it is told to end (SIGTERM or SIGINT). It never listens beyond loopback, and the
//! password is read from a file, never from the command line.

mod args;
mod hook;
mod recorder;
mod served;

pub use args::BmcArgs;

use std::io::{self, Write};
use std::process::ExitCode;

use nix::sys::signal::{SigSet, Signal};

use self::served::Served;

/// Serves until SIGTERM or SIGINT, then exits 0; exits 2 when it cannot begin, saying why.
pub fn run(args: BmcArgs) -> ExitCode {
    let Ok(end) = block_signals() else { return ExitCode::from(2) };
    match Served::start(&args) {
        Ok(served) => {
            announce(&served);
            wait_for(&end);
            served.stop();
            ExitCode::SUCCESS
        }
        Err(problem) => {
            complain(&problem);
            ExitCode::from(2)
        }
    }
}

/// SIGTERM and SIGINT wait for [`wait_for`], in this thread and all that it starts.
fn block_signals() -> nix::Result<SigSet> {
    let set: SigSet = [Signal::SIGTERM, Signal::SIGINT].into_iter().collect();
    set.thread_block()?;
    Ok(set)
}

fn wait_for(end: &SigSet) {
    while let Err(error) = end.wait() {
        log::debug!("sigwait: {error}");
    }
}

#[expect(clippy::print_stdout, reason = "scripts wait for this line")]
fn announce(served: &Served) {
    println!("{served}");
    if let Err(error) = io::stdout().flush() {
        log::debug!("stdout: {error}");
    }
}

fn complain(problem: &str) {
    if let Err(error) = writeln!(io::stderr(), "palisade-sim bmc: {problem}") {
        log::debug!("stderr: {error}");
    }
}
