//! The demo, the explorer and simulated BMCs on the command line: Palisade's daemons as real
//! processes among simulated hardware, and its cores in worlds of virtual time.
//!
//! The simulator breaks things, watches and judges; it never takes a decision for a daemon.

pub mod bmc_cmd;
pub mod check;
pub mod child;
pub mod demo;
pub mod explore;
pub mod mutants;
pub mod world;
