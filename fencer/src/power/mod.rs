//! The power engine: one login at one BMC per order, off-loop, with a deadline on everything.
//!
//! It carries orders out and brings readings back. It never decides that a machine is dead, never
//! takes silence, a refusal or a single reading for `off`, never cycles or resets, and never
//! tries credentials again that were definitely refused.

mod bmc;
mod config;
mod device;
mod error;
mod session;
mod socket;

pub use bmc::Bmc;
pub use config::BmcConfig;
pub use device::{Opening, PowerDevice, PowerSession, Working};
pub use error::{PowerError, PowerErrorKind};
pub use palisade_ipmi::chassis::{LastPowerEvent, RestartCause, RestorePolicy};
pub use palisade_ipmi::client::Ack;
pub use palisade_ipmi::privilege::Privilege;
pub use palisade_ipmi::secret::Secret as BmcKey;
pub use palisade_ipmi::suite::Suite;
pub use palisade_ipmi::watchdog::TimerState;
pub use session::{PowerStatus, Session};
