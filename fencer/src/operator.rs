//! The operator's command `palisade`: says how things stand, orders, confirms, checks and makes keys.
//!
//! It talks to the fencer and the agent of this machine over their control sockets. BMCs are touched by
//! `palisade power` and `palisade check-config --bmc` alone, on the operator's own order. It never sends
//! a frame to a peer.

mod agent;
mod args;
mod asked;
mod audit;
mod check_config;
mod exit;
mod fence;
pub mod hosts;
mod keygen;
mod power;
mod rest;
mod status;
mod wait_quorum;

use std::ffi::OsString;

use clap::Parser as _;

use args::{Args, Command};
use exit::Failure;

/// Runs the command; the first of `args` is the program's name.
///
/// The exit code: 0 done, 1 not so, 2 usage or configuration, 3 could not find out, 4 refused.
pub fn main_with<I>(args: I) -> u8
where
    I: IntoIterator,
    I::Item: Into<OsString> + Clone,
{
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(usage) => return exit::usage(&usage),
    };
    match run(args) {
        Ok(()) => 0,
        Err(failure) => failure.tell(),
    }
}

fn run(args: Args) -> Result<(), Failure> {
    let Args { place, command } = args;
    match command {
        Command::Status(wish) => status::run(&place, &wish),
        Command::Fence(wish) => fence::fence(&place, &wish),
        Command::Confirm(wish) => fence::confirm(&place, &wish),
        Command::WaitQuorum { timeout } => wait_quorum::run(&place, timeout),
        Command::Leave => agent::leave(&place),
        Command::Arm { check } => agent::arm(&place, &check),
        Command::Disarm { check } => agent::disarm(&place, &check),
        Command::CheckConfig { file, bmc, json } => {
            let file = file.as_ref().unwrap_or(&place.config);
            if bmc { audit::run(file, json) } else { check_config::run(file) }
        }
        Command::Power(wish) => power::run(&place, &wish),
        Command::Keygen { file } => keygen::run(&file),
    }
}
