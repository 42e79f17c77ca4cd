//! What every Palisade core shares: time, names, wire format, links and the arithmetic of leases.
//!
//! In scope: values, bytes, and rules that follow from them. Out of scope: clocks, sockets, files,
//! threads, the heap, logs. The crate builds for a microcontroller so that none of these can creep
//! in.
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

pub mod ids;
pub mod keys;
pub mod peer;
pub mod postbox;
pub mod quorum;
pub mod span;
pub mod time;
pub mod timing;
pub mod wire;
