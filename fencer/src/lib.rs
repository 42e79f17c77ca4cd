//! The fencer daemon, the power engine it drives and the operator's command.
//!
//! All deciding is done in `palisade-fencer-core`; this crate gives it sockets, a disk, a clock, BMCs
//! and people. It never decides that a node is dead and never cuts power without the core's warrant; what it
//! takes over from a cluster manager's fence agent can only give power back.

mod child;
pub mod control;
mod daemon;
pub mod fence_agent;
pub mod hooks;
mod names;
pub mod operator;
pub mod place;
pub mod power;
pub mod status;
pub mod streams;
mod tally;

pub use daemon::main_with;
