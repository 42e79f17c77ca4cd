//! A BMC's identity, and Get System GUID. [IPMI2 §20.8, §22.14]

use std::fmt;
use std::str::FromStr;

use ipmi_rs_core::connection::{IpmiCommand, Message, NetFn};

use crate::malformed::Malformed;
use crate::wire::Reader;

/// Sixteen bytes that name a system, in the order in which they stand in RAKP 2. Makers fill them in
/// several byte orders; only equality means anything here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Guid(pub [u8; 16]);

/// Text that is no [`Guid`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 32 hexadecimal digits, with or without dashes")]
pub struct NoGuid;

impl Guid {
    /// Whether it names nothing: all bytes are the same, as in BMCs that were never given one.
    pub fn is_blank(&self) -> bool {
        let [first, rest @ ..] = self.0;
        rest.iter().all(|byte| *byte == first)
    }
}

/// For example `a1234567-89ab-cdef-a123-456789abcdef`, the bytes in their order.
impl fmt::Display for Guid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.iter().enumerate() {
            let dash = if matches!(place, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(out, "{dash}{byte:02x}")?;
        }
        Ok(())
    }
}

impl FromStr for Guid {
    type Err = NoGuid;

    fn from_str(text: &str) -> Result<Self, NoGuid> {
        let digits: String = text.chars().filter(|letter| *letter != '-').collect();
        if digits.len() != 32 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(NoGuid);
        }
        u128::from_str_radix(&digits, 16)
            .map(|number| Self(number.to_be_bytes()))
            .map_err(|_| NoGuid)
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_read_as_it_is_written_with_or_without_dashes() {
        let written = "a1234567-89ab-cdef-a123-456789abcdef";
        let guid: Guid = written.parse().unwrap();
        assert_eq!(guid.to_string(), written);
        assert_eq!(written.replace('-', "").parse(), Ok(guid));
        assert_eq!(guid.0.first(), Some(&0xA1));
    }

    #[test]
    fn what_is_no_guid_is_refused() {
        for text in ["", "a1234567", "+1234567-89ab-cdef-a123-456789abcdef", "ä1234567"] {
            assert_eq!(text.parse::<Guid>(), Err(NoGuid), "{text}");
        }
    }

    #[test]
    fn a_bmc_that_was_never_given_one_is_told_apart() {
        assert!(Guid([0; 16]).is_blank() && Guid([0xFF; 16]).is_blank());
        assert!(!"a1234567-89ab-cdef-a123-456789abcdef".parse::<Guid>().unwrap().is_blank());
    }
}
