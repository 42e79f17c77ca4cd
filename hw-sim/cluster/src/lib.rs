//! The demo, and simulated BMCs on the command line: Palisade's daemons as real processes among
//! simulated hardware.
//!
//! The simulator breaks things, watches and judges; it never takes a decision for a daemon.

pub mod bmc_cmd;
pub mod child;
pub mod demo;
pub mod world;
