//! The rules of the fencer: whom to believe alive, when a life is condemned, what proves it over.
//!
//! One [`Input`] in, bounded [`Effects`] out. A power command needs a [`FenceWarrant`], pulled right
//! before it leaves; a claim that a node is fenced needs a [`Proof`]; both are written here alone.
//! Never reads a clock, opens a socket, writes a disk or talks to a BMC.
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

mod case;
mod config;
pub mod durable;
mod fencer;
mod member;
pub mod news;
pub mod power;
mod proof;
mod warrant;

pub use config::{FencerConfig, MemberConfig};
pub use durable::{DurableState, Memory};
pub use fencer::{CaseView, Effects, FencerCore, Input, MemberView, VoterView};
pub use proof::{Evidence, Proof};
pub use warrant::{FenceWarrant, OrderId, PowerAct, PowerOrder, Void};
