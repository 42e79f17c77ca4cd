//! Chassis commands: switch power, read it, and find out why the machine started. [IPMI2 §28]

mod control;
mod restart_cause;
mod restore;
mod status;

pub use control::{ChassisControl, ControlAction};
pub use restart_cause::{GetRestartCause, RestartCause, StartReason};
pub use restore::{RestorePolicy, SetRestorePolicy, SupportedPolicies};
pub use status::{ChassisStatus, GetChassisStatus, LastPowerEvent};
