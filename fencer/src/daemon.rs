//! The fencer daemon: one loop that feeds the core and carries out what it wants.
//!
//! `palisade-fencer --config FILE --node NAME`. SIGTERM stops it cleanly; a stop, a crash and a restart
//! fence nobody, and condemnations survive them all.

mod args;
mod desk;
mod device;
mod disk;
mod engine;
mod herald;
mod ledger;
mod log_out;
mod mail;
mod names;
mod orders;
mod prepare;
mod raises;
mod raising;
mod readable;
mod rehearsal;
mod run;
mod timer;
mod view;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

use crate::power::redfish::{self, End};
use args::Args;
use palisade_host::failure::Failure;

/// Runs the daemon until it is told to stop; the first of `args` is the program's name.
///
/// Exit codes: 0 stopped cleanly, 2 usage or configuration, 3 the machine did not give what is needed,
/// 4 refused (key file).
pub fn main_with<I>(args: I) -> ExitCode
where
    I: IntoIterator,
    I::Item: Into<OsString> + Clone,
{
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(usage) => return end(&usage),
    };
    match start(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell("palisade-fencer"),
    }
}

fn start(args: &Args) -> Result<(), Failure> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().map_err(Failure::machine)?;
    let ended = runtime.block_on(async {
        let (engine, control) = prepare::prepare(args)?;
        let ended = run::run(engine, control).await.map_err(Failure::machine);
        redfish::farewell(End::Told).await;
        ended
    });
    // A name that is being resolved, or a mount that does not answer, must not hold up the end.
    runtime.shutdown_background();
    log::logger().flush();
    ended
}

/// Help and version end with 0, every mistake with 2.
fn end(error: &clap::Error) -> ExitCode {
    drop(error.print());
    if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS }
}
