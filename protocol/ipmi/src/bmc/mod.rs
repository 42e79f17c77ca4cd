//! The BMC's side of RMCP+: what a simulator puts behind a socket.
//!
//! [`Engine`] keeps sessions and answers datagrams; it is told the time and acts only through
//! [`Hardware`]. It speaks suites 3 and 17, never a session without integrity or encryption, and
//! never IPMI 1.5 sessions. Where real BMCs are lax (levels, replays, second RAKP 3), it is strict,
//! unless [`Quirks`] say otherwise.
//!
//! ```text
//!         open             rakp 1               rakp 3, right code
//!  free -------> Opened ---------> Challenged --------------------> Active
//!    ^             |                  |  wrong code                    |
//!    |  set-up max |       set-up max |                 close, idle max|
//!    +-------------+------------------+--------------------------------+
//! ```

mod commands;
mod config;
mod engine;
mod hardware;
mod quirks;
mod session;
mod setup;
mod system;

pub use config::{Config, User};
pub use engine::Engine;
pub use hardware::{Declined, Hardware, Veto};
pub use quirks::Quirks;

#[cfg(test)]
mod tests;
