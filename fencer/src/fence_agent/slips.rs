//! Slips that are no reason not to fence: told, and taken as if the option had not been set.
//!
//! Never makes anything weaker: whatever says which machine, or who may switch it, is not forgiven here.

use super::answer::Failed;
use super::option::{self, Kind, Opt};
use super::shown::shown;
use super::values::Values;
use crate::power::Suite;

/// The last cipher suite that IPMI knows. [IPMI2 §22.15.2]
const LAST_SUITE: u8 = 19;

/// Unsets what is a slip, with a warning for each.
pub(super) fn forgive(values: &mut Values) {
    for option in &option::ALL {
        if let Some(slip) = slip(values, option) {
            values.warn(&slip);
            values.unset(option);
        }
    }
}

/// What is wrong with the value of `option`, if that is a slip.
fn slip(values: &Values, option: &Opt) -> Option<String> {
    let value = values.given(option)?;
    match (option.kind, option.name) {
        (_, "port_as_ip" | "method_force") => None,
        (Kind::Flag, _) | (_, "disable_timeout") => of(values.flag(option)),
        (_, "verbose_level") => of(values.number(option)),
        (_, "ipmitool_timeout") => no_time(option, value),
        (Kind::Seconds, _) => negative(option, value),
        (_, "cipher") => weak_suite(value),
        _ => None,
    }
}

fn of<T>(read: Result<T, Failed>) -> Option<String> {
    read.err().map(|failed| failed.lines().join("; ") + ", and is ignored")
}

fn negative(option: &Opt, value: &str) -> Option<String> {
    let is_negative = value.parse().is_ok_and(|seconds: f64| seconds < 0.0);
    is_negative.then(|| ignored(option, value, "less than nothing"))
}

/// No answer comes in no time at all, and nobody waits for one that takes longer than a day.
fn no_time(option: &Opt, value: &str) -> Option<String> {
    let is_odd = value.parse().is_ok_and(|seconds: f64| !(0.01..=86_400.0).contains(&seconds));
    is_odd.then(|| ignored(option, value, "no time to wait for an answer"))
}

fn ignored(option: &Opt, value: &str, what: &str) -> String {
    format!("option {}: {} is {what}, and is ignored", option.name, shown(value))
}

/// Suites 17 and 3 are at least as strong as any other, and the BMC must have one of them.
fn weak_suite(value: &str) -> Option<String> {
    let is_weak =
        value.parse().is_ok_and(|suite| suite <= LAST_SUITE && Suite::from_id(suite).is_none());
    is_weak.then(|| {
        format!(
            "option cipher: suite {} is weaker than 17 and 3, which are tried instead; leave it out",
            shown(value)
        )
    })
}
