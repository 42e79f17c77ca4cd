//! Bytes on UDP port 623, encoded and parsed in both directions. [IPMI2 §13]
//!
//! No keys here: sealing and opening of session packets is [`crate::keys`]. Parsing never panics
//! and never allocates more than the bytes it was given.

mod asf;
mod datagram;
mod ipmb;
mod open_session;
mod rakp;
mod reader;
mod status;

pub use asf::{asf_ping, asf_pong};
pub(crate) use datagram::sealed_header;
pub use datagram::{
    Datagram, PayloadType, RMCP_HEADER, SETUP_HEADER_LEN, SessionPacket, V15Packet, setup_datagram,
    v15_datagram,
};
pub use ipmb::{BMC_ADDRESS, CONSOLE_ADDRESS, Ipmb};
pub use open_session::{Algorithms, OpenSessionGrant, OpenSessionReply, OpenSessionRequest};
pub use rakp::{Rakp1, Rakp2, Rakp2Grant, Rakp3, Rakp4, USER_NAME_MAX};
pub use reader::Reader;
pub use status::RmcpStatus;
