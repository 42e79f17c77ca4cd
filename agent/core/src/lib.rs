//! The rules of the agent: when a node may go on living.
//!
//! One [`Input`] in, bounded [`Effects`] out; the pet is not an effect but a question asked at the
//! last moment, [`AgentCore::pet_decision`]. Never reads a clock, opens a socket or touches a
//! watchdog; never queues a pet.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
#![warn(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::std_instead_of_core,
    clippy::alloc_instead_of_core
)]

mod agent;
pub mod health;
mod lease;
pub mod news;
pub mod pet;

pub use agent::{
    AgentConfig, AgentCore, DogConfig, Effects, Input, NEWS_MAX, POSTS_MAX, Phase, ProbeReport,
    VoterView,
};
