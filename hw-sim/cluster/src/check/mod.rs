//! `palisade-sim check`: the production cores against every schedule of a few faults, exhaustively.
//!
//! Explicit states, no chance: the same [`AgentCore`](palisade_agent_core::AgentCore) and
//! [`FencerCore`](palisade_fencer_core::FencerCore) that the daemons run, cloned at every point
//! where something may break. From a cluster that is admitted and armed, every run of so many ticks
//! with at most so many faults is followed to its end; a state that was seen with as many faults to
//! spare is not followed twice. Nothing inside the cores is abstracted, reduced or forgotten: two
//! states are one only if every field of every core is equal (by a 61-bit fingerprint).
//!
//! The cores keep statistics and sequence numbers, so few schedules meet again in one state: the
//! search is wide rather than deep, and its bound is the number of faults, not the set of states.
//!
//! What the world around them leaves out:
//! - Time goes by ticks of 30 ms, and a tick is longer than a beat. Processes have their turns, and
//!   frames arrive, at ticks only; a watchdog bites at its own exact time. Clocks err by constant
//!   rates within the bound, up to 10 %; they do not wander.
//! - Within a tick there is one order, unless a fault changes it. So a schedule in which more than
//!   so many frames are lost, late, repeated or overtaken, each by itself, is not covered; a link
//!   that is cut, or a machine that is cut off, for any listed time is one fault.
//! - One link between two machines; frames are values, not bytes: no tag is made or checked.
//! - Durations of faults are those listed in `fault`. A machine boots within a tick, a disk writes
//!   and a BMC answers at once, unless a fault says otherwise. No BMC lies.
//! - No application, no health check, no leaving, no confirming human.
//! - S4 is judged for lives that a majority admitted: one that nobody has admitted yet owns nothing
//!   and cannot be told from the condemned one before it.

mod args;
mod event;
mod fault;
mod hash;
mod machine;
mod milestone;
mod plan;
mod report;
mod search;
mod seen;
mod setting;
mod state;
mod truth;

pub use args::CheckArgs;
pub use milestone::Milestone;
pub use plan::plan;
pub use report::run;
pub use search::{Found, search};
pub use setting::{Menu, Mishap, Rate, Setting};
pub use truth::Broken;
