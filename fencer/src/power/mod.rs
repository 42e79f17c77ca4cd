//! The power engine: any number of BMCs at once, with a deadline on everything.
//!
//! It carries orders out and brings readings back; for callers without a warrant it also waits for two
//! readings of `off`. It never takes silence, a refusal or a single reading for `off`, never cycles or
//! resets, and never tries credentials again that were definitely refused.

pub mod agent;
mod bmc;
mod bmc_key;
mod case;
mod config;
mod device;
mod engine;
mod error;
mod fence;
pub mod levels;
mod password;
mod profile;
pub mod redfish;
mod refusal;
mod resolve;
mod session;
mod spared;
mod trouble;
mod unwarranted;
mod verdict;

pub use bmc::Bmc;
pub use bmc_key::{NoBmcKey, bmc_key};
pub use case::OVERDUE;
pub use config::BmcConfig;
pub use device::{Judging, Opening, PowerDevice, PowerSession, Working};
pub use engine::Engine;
pub use error::{PowerError, PowerErrorKind};
pub use palisade_ipmi::app::{Guid, NoGuid};
pub use palisade_ipmi::chassis::{LastPowerEvent, RestartCause, RestorePolicy};
pub use palisade_ipmi::client::Ack;
pub use palisade_ipmi::privilege::Privilege;
pub use palisade_ipmi::secret::Secret as BmcKey;
pub use palisade_ipmi::suite::Suite;
pub use palisade_ipmi::watchdog::TimerState;
pub use password::Password;
pub use session::{Passage, PowerStatus, Session};
#[cfg(test)]
pub(crate) use spared::Spared;
pub use verdict::{Evidence, Raised, Reading, Seen, Switch, Terms, Verdict, Who};
