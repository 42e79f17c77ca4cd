//! The BMC's watchdog timer, as commands. [IPMI2 §27]
//!
//! Countdowns are in units of 100 ms on the wire and here. The timer itself is a model of the
//! simulator; nothing in this module counts.

mod commands;
mod timer;

pub use commands::{GetWatchdog, ResetWatchdog, SetWatchdog};
pub use timer::{PreTimeout, TimeoutAction, TimerState, TimerUse};

/// Completion code of Reset Watchdog when the timer was never set: the BMC has restarted, and the
/// timer must be set again.
pub const NEVER_INITIALISED: u8 = 0x80;
