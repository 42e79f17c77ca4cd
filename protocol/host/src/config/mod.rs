//! The one configuration file of a cluster, read once, at the border, into types that cannot be
//! wrong.
//!
//! [`Cluster::load`] reports every mistake of the file at once, each with its line, what was found
//! and what is allowed. It never opens keys or passwords, never resolves names and never asks the
//! machine anything: the same file means the same on every node.

mod cluster;
mod load;
mod mistake;
mod node;
mod parse;
mod parse_node;
mod parse_power;
mod power;
mod register;
mod report;
mod section;
mod settings;
mod suggest;
mod timing;

pub use cluster::{Cluster, ForeignKey, NodeView};
pub use load::LoadError;
pub use mistake::{Mistake, Mistakes};
pub use node::{
    Bmc, Check, CheckProfile, DogClass, Node, Privilege, Suite, Watchdog, WatchdogBackend,
};
pub use power::{FenceAgent, HttpPlace, PowerLevel, Redfish, RedfishLogin, Trust};
pub use report::report;
pub use settings::{AgentSettings, FencerSettings, Hooks, Link, Profile};

#[cfg(test)]
mod tests;
