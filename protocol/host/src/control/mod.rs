//! The control socket: how the operator's command asks a daemon, one JSON object a line each way.
//!
//! A Unix socket, 0600: whoever may open it may ask anything. The server never waits for a client;
//! the client never waits for ever. What the words mean is the daemons' affair.

mod client;
mod server;

pub use client::{CallError, call};
pub use server::{BindError, Server};

/// Longest line in either direction.
pub const LINE_MAX: usize = 1 << 20;
