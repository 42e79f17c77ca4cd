//! The help text, made from the table of options.

use std::fmt::Write as _;

use super::action::Action;
use super::called;
use super::option::{self, Opt};

/// What `--help` prints.
pub(super) fn text() -> String {
    let name = called::now().name;
    let actions = Action::ALL.map(|(name, _)| name).join(", ");
    let mut out = format!(
        "usage: {name} [options]\n\
         Without any option they are read as name=value lines from standard input.\n\
         actions: {actions}\n\n"
    );
    for option in &option::ALL {
        let written = writeln!(out, "   {:<33}{}{}", forms(option), option.about, fallback(option));
        written.unwrap_or_default();
    }
    out
}

/// For example `-a, --ip=[ip]`.
pub(super) fn forms(option: &Opt) -> String {
    let short = option.short.map(|letter| format!("-{letter}, ")).unwrap_or_default();
    let argument = option.argument.map(|argument| format!("=[{argument}]")).unwrap_or_default();
    format!("{short}--{}{argument}", option.long)
}

fn fallback(option: &Opt) -> String {
    option.fallback().map(|default| format!(" (default: {default})")).unwrap_or_default()
}
