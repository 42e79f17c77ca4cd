//! What the daemons and the operator's command share of the operating system: the boot clock, the
//! configuration, keys, sockets, the journal, durable files, the lockdown of a process and the
//! control socket.
//!
//! Nothing here decides anything about leases or fencing: it reads, sends, stores and reports.

pub mod boot;
pub mod clock;
pub mod config;
pub mod control;
pub mod date;
pub mod durable;
pub mod failure;
pub mod journal;
pub mod keys;
pub mod link;
pub mod lockdown;
pub mod secret;
