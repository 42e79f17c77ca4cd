//! The program of `--on-power`: run for one change after the other, in a thread of its own.

use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

/// One run of the hook.
pub(super) struct Call {
    /// Which BMC.
    pub(super) bmc: String,
    /// `on` or `off`.
    pub(super) state: &'static str,
}

/// Starts the thread; it ends when the sender is dropped.
///
/// # Errors
/// If there is no thread to be had, in words.
pub(super) fn start(program: &Path) -> Result<(JoinHandle<()>, Sender<Call>), String> {
    let (sender, calls) = channel();
    let program = program.to_owned();
    let started = Builder::new().name("on-power".to_owned()).spawn(move || run(&program, &calls));
    let thread = started.map_err(|error| format!("--on-power: {error}"))?;
    Ok((thread, sender))
}

fn run(program: &Path, calls: &Receiver<Call>) {
    for call in calls {
        let run = Command::new(program).arg(call.state).env("PALISADE_BMC", &call.bmc).status();
        match run {
            Ok(status) if status.success() => {}
            Ok(status) => log::error!("{} {}: {status}", program.display(), call.state),
            Err(error) => log::error!("{} does not run: {error}", program.display()),
        }
    }
}
