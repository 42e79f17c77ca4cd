//! What the agent would make of its options, for those who try it with any bytes. Does nothing: opens no
//! file and no socket, tells nobody.

use super::action::Action;
use super::answer::Failed;
use super::option::{self, Opt};
use super::request::Request;
use super::slips;
use super::stdin;
use super::values::Values;

/// Options that name a file to be read.
const FILES: [&Opt; 2] = [&option::CONFIG, &option::PASSWORD_FILE];

/// Reads `input` as the agent reads its standard input: the action asked for and the warnings.
///
/// # Errors
/// The lines that the agent would say before it failed. Whatever needs a file is not judged.
pub fn rehearse(input: &[u8]) -> Result<(&'static str, Vec<String>), Vec<String>> {
    let lines = |failed: Failed| failed.lines();
    let mut values = stdin::read(input).map_err(lines)?;
    slips::forgive(&mut values);
    let action = judge(&values).map_err(lines)?;
    Ok((action.name(), values.warnings))
}

fn judge(values: &Values) -> Result<Action, Failed> {
    let action = Action::of(values)?;
    if FILES.iter().all(|option| values.filled(option).is_none()) {
        Request::new(action, values)?;
    }
    Ok(action)
}
