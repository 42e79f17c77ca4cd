//! Get System GUID. [IPMI2 §22.14]

use ipmi_rs_core::connection::{IpmiCommand, Message, NetFn};

use crate::malformed::Malformed;
use crate::wire::Reader;

/// The command: network function application, command 0x37, no data. The reply is 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetSystemGuid;

impl GetSystemGuid {
    /// The command byte.
    pub const COMMAND: u8 = 0x37;
}

impl From<GetSystemGuid> for Message {
    fn from(_: GetSystemGuid) -> Self {
        Self::new_request(NetFn::App, GetSystemGuid::COMMAND, Vec::new())
    }
}

impl IpmiCommand for GetSystemGuid {
    type Output = [u8; 16];
    type Error = Malformed;

    fn parse_success_response(data: &[u8]) -> Result<[u8; 16], Malformed> {
        Reader::new("system guid", data).array()
    }
}
