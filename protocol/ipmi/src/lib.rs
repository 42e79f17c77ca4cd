//! RMCP+ (IPMI 2.0 over LAN) without sockets: the console that switches a machine off and proves
//! it, and the BMC that a simulator puts behind a socket.
//!
//! Everything here is told the time and given its randomness; nothing reads a clock, opens a
//! socket, starts a thread or logs. Cipher suites 3 and 17 exist, and no other ever will: 0, 1 and
//! 2 leave commands unsigned or readable. Chassis Control `cycle`, `reset` and `soft` can be
//! decoded (a BMC must know them) but no client order sends them.
//!
//! | module | what |
//! |---|---|
//! | [`wire`] | datagrams, session headers, IPMB frames, Open Session and RAKP 1 to 4, both ways |
//! | [`suite`], [`keys`] | HMACs, key derivation, sealing and opening of session packets |
//! | [`app`], [`chassis`], [`watchdog`] | commands and replies, both ways |
//! | [`client`] | one login of a console |
//! | [`bmc`] | the other side |
#![forbid(unsafe_code)]

pub mod app;
pub mod bmc;
pub mod chassis;
pub mod client;
pub mod completion;
pub mod entropy;
pub mod keys;
pub mod malformed;
pub mod privilege;
pub mod secret;
pub mod suite;
pub mod watchdog;
pub mod window;
pub mod wire;

/// The command types of `ipmi-rs-core` that this crate's commands are built on.
pub use ipmi_rs_core::connection::{CompletionErrorCode, IpmiCommand, Message, NetFn};
