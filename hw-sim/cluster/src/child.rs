//! The daemons inside the simulator's own binary: one build gives everything, and a node's process
//! is this program started again.
//!
//! Never outlives the demo: the kernel kills it when the thread that started it ends.

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::getppid;
use std::ffi::OsString;
use std::process::ExitCode;

/// Environment variable with the process number of the demo.
pub const DEMO_PID: &str = "PALISADE_DEMO_PID";

/// The arguments of a daemon, passed on as they are.
#[derive(Clone, Debug, clap::Args)]
pub struct DaemonArgs {
    /// What the daemon takes
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<OsString>,
}

/// Runs `palisade-agent`.
pub fn agent(args: DaemonArgs) -> ExitCode {
    as_child();
    palisade_agent::main_with(named("palisade-agent", args))
}

/// Runs `palisade-fencer`.
pub fn fencer(args: DaemonArgs) -> ExitCode {
    as_child();
    palisade_fencer::main_with(named("palisade-fencer", args))
}

fn named(name: &str, args: DaemonArgs) -> Vec<OsString> {
    std::iter::once(OsString::from(name)).chain(args.arguments).collect()
}

/// Dies with the demo, and hears the signals that the demo's threads had blocked.
fn as_child() {
    // Both fail only for a signal that does not exist.
    set_pdeathsig(Signal::SIGKILL).unwrap_or_default();
    SigSet::all().thread_unblock().unwrap_or_default();
    if is_orphan() {
        std::process::exit(0);
    }
}

/// The demo may have ended before this asked to die with it.
fn is_orphan() -> bool {
    let demo = std::env::var(DEMO_PID).ok().and_then(|pid| pid.parse().ok());
    demo.is_some_and(|demo: i32| getppid().as_raw() != demo)
}
