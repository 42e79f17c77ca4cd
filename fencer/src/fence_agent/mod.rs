//! The fence agent `fence_palisade`: one action at one or several machines for a cluster manager.
//!
//! The caller holds the right to switch power; there is no warrant here, and no daemon asks a power device
//! for a verdict. It keeps no state but what is learned of BMCs, which it shares with the daemon; never
//! sleeps without a reason that the BMC or the caller gave, never cycles or resets, never takes one reading
//! for `off`, and never shows a password.

mod action;
mod answer;
mod by_fencer;
mod called;
mod fencer;
mod getopt;
mod handover;
mod help;
mod metadata;
mod option;
mod password;
mod perform;
mod rehearse;
mod request;
mod shown;
mod slips;
mod stdin;
mod syslog;
mod target;
mod termination;
mod trace;
mod values;

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::AsFd as _;

pub use rehearse::rehearse;

use action::Action;
use answer::{Answer, Failed, say, tell, warn};
use request::Request;
use values::Values;

use crate::names;

/// Runs the agent; the first of `args` is the program's name, under which it may stand in for an agent of
/// fence-agents. Without further ones the options are `name=value` lines on standard input.
///
/// Exit codes: 0 done (for `status`: on), 2 for `status`: off, 1 anything else. One line on standard
/// error for each failure.
pub fn main_with(args: impl IntoIterator<Item = OsString>) -> u8 {
    names::ask_a_program();
    let weakness = palisade_host::lockdown::forbid_dumps().err();
    let mut args = args.into_iter();
    called::note(args.next().as_deref());
    let mut values = match read(args.collect()) {
        Ok(values) => values,
        Err(failed) => return failed.told(),
    };
    slips::forgive(&mut values);
    if values.flag(&option::QUIET).unwrap_or_default() {
        answer::be_quiet();
    }
    weakness.iter().for_each(|weakness| tell(weakness));
    obey(values).map_or_else(Failed::told, Answer::code)
}

fn read(args: Vec<OsString>) -> Result<Values, Failed> {
    if !args.is_empty() {
        return getopt::read(args);
    }
    // Not through the library's buffer, in which a password would stay.
    let input = std::io::stdin().as_fd().try_clone_to_owned();
    let input =
        input.map_err(|error| Failed::new(format!("standard input: {error}; keep it open")))?;
    stdin::read(File::from(input))
}

fn obey(values: Values) -> Result<Answer, Failed> {
    if values.flag(&option::HELP)? {
        return say(&help::text());
    }
    if values.flag(&option::VERSION)? {
        return say(&format!("{}\n", env!("CARGO_PKG_VERSION")));
    }
    if !values.flag(&option::NO_SYSLOG)? {
        syslog::start();
    }
    values.flag(&option::QUIET)?;
    values.warnings.iter().for_each(|warning| warn(warning));
    let action = Action::of(&values)?;
    if action == Action::Metadata {
        return say(&metadata::xml());
    }
    if action == Action::Manpage {
        return say(&metadata::manpage());
    }
    trace::start(&values)?;
    Request::new(action, &values)?.carry_out()
}
