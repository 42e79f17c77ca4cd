//! `palisade-sim check`: the production cores against every schedule of a few faults, exhaustively.
//!
//! Explicit states, no chance: the same [`AgentCore`](palisade_agent_core::AgentCore) and
//! [`FencerCore`](palisade_fencer_core::FencerCore) that the daemons run, cloned at every point
//! where something may break. From a cluster that is admitted and armed, every run of so many ticks
//! with at most so many faults is followed to its end; a state that was seen with as many faults to
//! spare is not followed twice. Nothing inside the cores is abstracted, reduced or forgotten: two
//! states are one only if every field of every core is equal (by a 60-bit fingerprint).
//!
//! The cores keep statistics and sequence numbers, so few schedules meet again in one state: the
//! search is wide rather than deep, and its bound is the number of faults, not the set of states.
//! To reach far with few faults, a setting can have mishaps: what happens anyhow, at a fixed tick,
//! and costs the adversary nothing. A setting can also let any frame be lost, as often as the
//! adversary likes, for its first ticks.
//!
//! Judged at every event: S1 when a proof appears, against the lives that run; S2 when a dog is
//! petted, against the promises of a majority, and when a lease is granted, against the voter's own
//! condemnations; S3 when a power command leaves, against the disks and the agreements of a
//! majority; S4 when power falls, against the life that is condemned; S5 at every event of the
//! settings in which only that may break which must cost nobody anything. L2 only so far that a
//! cluster left alone must be admitted and armed.
//!
//! What the world around the cores leaves out:
//! - Time goes by ticks of 30 ms, and a tick is longer than a beat. Processes have their turns, and
//!   frames arrive, at ticks only; a watchdog bites at its own exact time. Clocks err by constant
//!   rates within the bound, up to 10 %; they do not wander.
//! - Within a tick there is one order, unless a fault changes it. So a schedule in which more than
//!   so many frames are lost, late, repeated or overtaken, each by itself, is not covered, but for
//!   the settings of any loss; a link that is cut, or a machine that is cut off, for any listed time
//!   is one fault.
//! - One link between two machines: a copy that a second link brings is a frame that comes again.
//!   Frames are values, not bytes: no tag is made or checked.
//! - Durations of faults are those listed in `menu`. A machine boots within a tick, a disk writes
//!   and a BMC answers at once, unless a fault says otherwise. A BMC may read off once in a run
//!   though the machine is on; it lies no further. One that obeys late does so within five ticks:
//!   an Off that it keeps until the machine was reset, booted and admitted anew would hit that life,
//!   because no agreement outlasts a warrant once its shooter is lost.
//! - Only members that do not vote are virtual machines. A fencer on a paused one would not notice
//!   the pause, its clock standing still, and hold its warrants for fresh.
//! - A service fails or works; it does not start, stop or hang. Nobody confirms the death of a
//!   machine that is up.
//! - S4 is judged for lives that a majority admitted: one that nobody has admitted yet owns nothing
//!   and cannot be told from the condemned one before it.
//!
//! No symmetry is used: voters rank by their numbers, members differ by whom a mishap befalls, and
//! orders of frames within a tick matter. Nor are fields of the cores left out of the fingerprint
//! because they decide nothing: that would be a claim about the cores, and these are what is on
//! trial.

mod acting;
mod args;
mod event;
mod fault;
mod hash;
mod machine;
mod menu;
mod milestone;
mod mishap;
mod plan;
mod report;
mod schedule;
mod search;
mod seen;
mod setting;
mod state;
mod truth;

pub use args::CheckArgs;
pub use milestone::Milestone;
pub use mishap::Mishap;
pub use plan::plan;
pub use report::run;
pub use schedule::Schedule;
pub use search::{Counterexample, Found, search};
pub use setting::{Menu, Rate, Setting};
pub use truth::Broken;
