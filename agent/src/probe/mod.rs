//! The health probe: one thread that asks `/status` and hands over an answer with a date.
//!
//! The loop never waits for it. A probe that hangs or panics costs its answer and nothing else.

mod atomic;
mod bitbucket;
mod http;
mod mailbox;
mod runner;

pub use bitbucket::{BODY_MAX, classify};
pub use http::Asker;
pub use palisade_agent_core::ProbeReport;
pub use palisade_agent_core::health::{Answer, FailKind};
pub use runner::Probe;
