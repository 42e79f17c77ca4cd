//! `palisade-sim demo`: three machines as real processes, simulated hardware around them, one
//! scenario, a judgement.
//!
//! The simulator breaks things and watches; every decision is made by the daemons.

pub mod args;
pub mod chance;
pub mod config_text;
pub mod control;
pub mod director;
pub mod event;
pub mod hook;
pub mod json;
pub mod judge;
pub mod layout;
pub mod machine;
pub mod node;
pub mod numbers;
pub mod picture;
pub mod priority;
pub mod rig;
pub mod run;
#[cfg(test)]
mod sample;
pub mod scenario;
pub mod setup;
pub mod show;
pub mod stage;
pub mod summary;
pub mod switch;
pub mod tail;
pub mod timeline;
pub mod truth;
