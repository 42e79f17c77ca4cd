//! The fencer among scripted voters, members, disk and power engine: what no whole cluster can pin
//! down to the nanosecond.
//!
//! Frames are handed over as values, without tags; nothing here opens a socket or waits.
#![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails, as it should")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a story looks for one kind of frame")]

mod admitting;
mod braking;
mod breaking;
mod holding;
mod opening;
mod pardoning;
mod proving;
mod raising;
mod rig;
mod voting;
mod warranting;
