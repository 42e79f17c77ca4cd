//! Set Session Privilege Level and Close Session. [IPMI2 §22.18, §22.19]

use ipmi_rs_core::connection::{IpmiCommand, Message, NetFn};

use crate::malformed::Malformed;
use crate::privilege::Privilege;
use crate::wire::Reader;

/// Completion code of Close Session: no such session.
pub const INVALID_SESSION_ID: u8 = 0x87;

/// Raises (or lowers) the session's privilege: network function application, command 0x3B. A
/// session begins at user level, which may not switch power. `None` asks for the present level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetSessionPrivilege(pub Option<Privilege>);

impl SetSessionPrivilege {
    /// The command byte.
    pub const COMMAND: u8 = 0x3B;
    /// Completion code: the level is not available to this user.
    pub const NOT_AVAILABLE: u8 = 0x80;
    /// Completion code: the level is above the user's or the channel's limit.
    pub const ABOVE_LIMIT: u8 = 0x81;

    /// Parses the request's data.
    ///
    /// # Errors
    /// [`Malformed`] unless it is one byte with a known level or 0.
    pub fn parse_request(data: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("set session privilege", data);
        let byte = reader.u8()? & 0x0F;
        reader.end()?;
        let level = Privilege::from_bits(byte);
        if level.is_none() && byte != 0 {
            return Err(Malformed::Value { what: "privilege", value: byte.into() });
        }
        Ok(Self(level))
    }

    /// The reply's data, behind the completion code.
    pub fn encode_reply(level: Privilege) -> Vec<u8> {
        vec![level.bits()]
    }
}

impl From<SetSessionPrivilege> for Message {
    fn from(SetSessionPrivilege(level): SetSessionPrivilege) -> Self {
        let bits = level.map_or(0, Privilege::bits);
        Self::new_request(NetFn::App, SetSessionPrivilege::COMMAND, vec![bits])
    }
}

impl IpmiCommand for SetSessionPrivilege {
    type Output = Privilege;
    type Error = Malformed;

    fn parse_success_response(data: &[u8]) -> Result<Privilege, Malformed> {
        let byte = Reader::new("set session privilege", data).u8()?;
        let unknown = Malformed::Value { what: "privilege", value: byte.into() };
        Privilege::from_bits(byte).ok_or(unknown)
    }
}

/// Gives a session's slot back: network function application, command 0x3C. Carries the BMC's
/// session id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseSession(pub u32);

impl CloseSession {
    /// The command byte.
    pub const COMMAND: u8 = 0x3C;

    /// Parses the request's data; a session handle behind a zero id is not spoken.
    ///
    /// # Errors
    /// [`Malformed`] unless it is four bytes.
    pub fn parse_request(data: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("close session", data);
        let id = reader.u32()?;
        reader.end()?;
        Ok(Self(id))
    }
}

impl From<CloseSession> for Message {
    fn from(CloseSession(id): CloseSession) -> Self {
        Self::new_request(NetFn::App, CloseSession::COMMAND, id.to_le_bytes().to_vec())
    }
}

impl IpmiCommand for CloseSession {
    type Output = ();
    type Error = Malformed;

    fn parse_success_response(_: &[u8]) -> Result<(), Malformed> {
        Ok(())
    }
}
