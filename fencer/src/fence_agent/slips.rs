//! Slips that are no reason not to fence: told, and taken as if the option had not been set.
//!
//! Never makes anything weaker: whatever says which machine, or who may switch it, is not forgiven here.

use super::option::{self, Opt};
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
    let value = values.filled(option)?;
    if option.name == option::CIPHER.name { weak_suite(value) } else { None }
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
