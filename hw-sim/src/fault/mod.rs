//! Faults of a simulated BMC, as text and as a plan: what is broken, from when to when.
//!
//! Times count from the start of the simulator. A plan only answers "is this broken now"; it
//! breaks nothing by itself and draws no chance.

mod help;
mod kind;
mod plan;
mod read;
mod schedule;

pub use help::HELP;
pub use kind::{Command, Kind, Message, Times, Way};
pub use plan::{Fault, Plan};
pub use read::FaultError;
pub use schedule::{Aimed, ScheduleError, read_schedule};
