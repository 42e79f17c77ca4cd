//! Get Channel Authentication Capabilities, which most consoles ask first. [IPMI2 §22.13]
//!
//! Our client skips it: it says nothing that Open Session does not, and some BMCs get it wrong.

use ipmi_rs_core::connection::{IpmiCommand, Message, NetFn};

use crate::malformed::Malformed;
use crate::wire::Reader;

const EXTENDED: u8 = 0x80;

/// The command: network function application, command 0x38; before a session, in v1.5 shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetAuthCapabilities {
    /// Ask for the IPMI 2.0 fields too.
    pub extended: bool,
    /// Channel number, 0x0E this one.
    pub channel: u8,
    /// Privilege level that the question is about.
    pub privilege: u8,
}

/// The reply, with the bytes that matter taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthCapabilities {
    /// The real channel number.
    pub channel: u8,
    /// v1.5 authentication types (bits 0 none, 1 MD2, 2 MD5, 4 straight); bit 7: the extended
    /// fields are valid.
    pub types: u8,
    /// Bit 5 BMC key set, 4 per-message off, 3 user-level off, 2 named users, 1 null users,
    /// 0 anonymous.
    pub logins: u8,
    /// Bit 0 IPMI 1.5, bit 1 IPMI 2.0 connections.
    pub extended: u8,
}

impl GetAuthCapabilities {
    /// The command byte.
    pub const COMMAND: u8 = 0x38;

    /// Parses the request's data.
    ///
    /// # Errors
    /// [`Malformed`] unless it is two bytes.
    pub fn parse_request(data: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("get channel authentication capabilities", data);
        let [channel, privilege] = reader.array()?;
        reader.end()?;
        let extended = channel & EXTENDED != 0;
        Ok(Self { extended, channel: channel & 0x0F, privilege: privilege & 0x0F })
    }
}

impl AuthCapabilities {
    /// The reply's data, behind the completion code.
    pub fn encode(self) -> Vec<u8> {
        vec![self.channel, self.types, self.logins, self.extended, 0, 0, 0, 0]
    }
}

impl From<GetAuthCapabilities> for Message {
    fn from(command: GetAuthCapabilities) -> Self {
        let channel = command.channel & 0x0F | u8::from(command.extended) << 7;
        let data = vec![channel, command.privilege & 0x0F];
        Self::new_request(NetFn::App, GetAuthCapabilities::COMMAND, data)
    }
}

impl IpmiCommand for GetAuthCapabilities {
    type Output = AuthCapabilities;
    type Error = Malformed;

    fn parse_success_response(data: &[u8]) -> Result<AuthCapabilities, Malformed> {
        let [channel, types, logins, extended] =
            Reader::new("authentication capabilities", data).array()?;
        Ok(AuthCapabilities { channel, types, logins, extended })
    }
}
