//! Simulated hardware: power supplies, BMCs, watchdogs, `/status` applications, and their faults.
//!
//! *Models* ([`power`], [`dog`], [`bmc_watchdog`], [`bmc`], [`app`], [`truth`], [`fault`], [`vm`])
//! are pure: they are told the time, own no socket, thread or clock, and take chance from a seed.
//! *Faces* ([`face`]) give the models real sockets on loopback.
//!
//! Nothing here decides who may own a service: this crate knows hardware, never decisions.

pub mod app;
pub mod bmc;
pub mod bmc_watchdog;
pub mod chance;
pub mod dog;
pub mod face;
pub mod fault;
pub mod power;
pub mod truth;
pub mod vm;
