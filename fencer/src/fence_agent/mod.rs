//! The fence agent `fence_palisade`: one action at one or several BMCs for a cluster manager.
//!
//! The caller holds the right to switch power; there is no warrant here, and nothing but this agent
//! can reach its `console`. It keeps no state, never sleeps without a reason that the BMC or the
//! caller gave, never cycles or resets, never takes one reading for `off`, and never shows a
//! password.

mod action;
mod answer;
mod console;
mod getopt;
mod help;
mod metadata;
mod option;
mod password;
mod perform;
mod request;
mod stdin;
mod target;
mod trace;
mod values;

use std::ffi::OsString;
use std::process::ExitCode;

use action::Action;
use answer::{Answer, Failed, say, tell};
use request::Request;
use values::Values;

/// Its name on every line that it prints.
const NAME: &str = "fence_palisade";

/// Runs the agent; the first of `args` is the program's name. Without further ones the options are
/// `name=value` lines on standard input.
///
/// Exit codes: 0 done (for `status`: on), 2 for `status`: off, 1 anything else. One line on standard
/// error for each failure.
pub fn main_with(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let weakness = palisade_host::lockdown::forbid_dumps().err();
    let answer = read(args.into_iter().skip(1).collect()).and_then(|values| {
        let quiet = values.flag(&option::QUIET)?;
        if let Some(weakness) = weakness.filter(|_| !quiet) {
            tell(&weakness);
        }
        // Told to be silent, it is; the exit code says it all.
        obey(values).or_else(|failed| if quiet { Ok(Answer::Failed) } else { Err(failed) })
    });
    match answer {
        Ok(answer) => answer.code(),
        Err(failed) => failed.told(),
    }
}

fn read(args: Vec<OsString>) -> Result<Values, Failed> {
    if args.is_empty() { stdin::read(std::io::stdin().lock()) } else { getopt::read(args) }
}

fn obey(values: Values) -> Result<Answer, Failed> {
    if values.flag(&option::HELP)? {
        return say(&help::text());
    }
    if values.flag(&option::VERSION)? {
        return say(&format!("{}\n", env!("CARGO_PKG_VERSION")));
    }
    let action = Action::of(&values)?;
    if action == Action::Metadata {
        return say(&metadata::xml());
    }
    if action == Action::Manpage {
        return say(&metadata::manpage());
    }
    trace::start(&values)?;
    Request::new(action, values)?.carry_out()
}
