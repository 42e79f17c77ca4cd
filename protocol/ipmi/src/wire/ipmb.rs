//! The IPMB frame inside every command and reply. [IPMI2 §13.8]
//!
//! Bridging to satellites is not spoken: a frame goes to the BMC itself.

use ipmi_rs_core::connection::{Message, NetFn};

use super::reader::Reader;
use crate::malformed::Malformed;

/// Slave address of the BMC.
pub const BMC_ADDRESS: u8 = 0x20;
/// Software id of a remote console.
pub const CONSOLE_ADDRESS: u8 = 0x81;

/// Length of a frame without data: two addresses, two checksums, function, sequence, command.
const FRAME_LEN_MIN: usize = 7;

/// One frame, request or reply. In a reply `data` begins with the completion code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipmb<'a> {
    /// Whom it is for.
    pub to: u8,
    /// Network function, even for a request, odd for a reply; 6 bits.
    pub netfn: u8,
    /// Logical unit of the receiver; 2 bits.
    pub to_lun: u8,
    /// Who sent it.
    pub from: u8,
    /// The requester's sequence number, repeated in the reply; 6 bits.
    pub sequence: u8,
    /// Logical unit of the sender; 2 bits.
    pub from_lun: u8,
    /// Command byte.
    pub command: u8,
    /// Everything between command and last checksum.
    pub data: &'a [u8],
}

impl<'a> Ipmb<'a> {
    /// `message` as a console's request to the BMC.
    pub fn request(message: &'a Message, sequence: u8) -> Self {
        Self {
            to: BMC_ADDRESS,
            netfn: message.netfn_raw(),
            to_lun: 0,
            from: CONSOLE_ADDRESS,
            sequence: sequence & 0x3F,
            from_lun: 0,
            command: message.cmd(),
            data: message.data(),
        }
    }

    /// The reply to this request; `completion_and_data` begins with the completion code.
    pub fn reply<'b>(&self, completion_and_data: &'b [u8]) -> Ipmb<'b> {
        Ipmb {
            to: self.from,
            netfn: self.netfn | 1,
            to_lun: self.from_lun,
            from: self.to,
            sequence: self.sequence,
            from_lun: self.to_lun,
            command: self.command,
            data: completion_and_data,
        }
    }

    /// Whether this is a reply.
    pub fn is_reply(&self) -> bool {
        NetFn::is_response_value(self.netfn)
    }

    /// Completion code and data of a reply.
    ///
    /// # Errors
    /// [`Malformed::TooShort`] without a completion code.
    pub fn completion(&self) -> Result<(u8, &'a [u8]), Malformed> {
        let (code, data) =
            self.data.split_first().ok_or(Malformed::TooShort { what: "completion code" })?;
        Ok((*code, data))
    }

    /// The frame as bytes, with both checksums.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(FRAME_LEN_MIN + self.data.len());
        out.extend([self.to, self.netfn << 2 | self.to_lun & 3]);
        out.push(checksum(&out));
        let second = out.len();
        out.extend([self.from, self.sequence << 2 | self.from_lun & 3, self.command]);
        out.extend(self.data);
        out.push(checksum(out.get(second..).unwrap_or_default()));
        out
    }

    /// Takes a frame apart and checks both checksums.
    ///
    /// # Errors
    /// [`Malformed`] if it is too short or a checksum is wrong.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (head, tail) =
            bytes.split_at_checked(3).ok_or(Malformed::TooShort { what: "ipmb frame" })?;
        if checksum(head) != 0 || checksum(tail) != 0 {
            return Err(Malformed::Damaged { what: "ipmb checksum" });
        }
        Self::parse_signed(bytes)
    }

    /// Takes a frame apart that an authentication code already vouches for. Its checksums are not
    /// looked at: some BMCs get them wrong inside perfectly signed packets.
    ///
    /// # Errors
    /// [`Malformed::TooShort`].
    pub fn parse_signed(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("ipmb frame", bytes);
        let [to, function, _] = reader.array()?;
        let [from, sequence, command] = reader.array()?;
        let (_, data) =
            reader.rest().split_last().ok_or(Malformed::TooShort { what: "ipmb frame" })?;
        Ok(Self {
            to,
            netfn: function >> 2,
            to_lun: function & 3,
            from,
            sequence: sequence >> 2,
            from_lun: sequence & 3,
            command,
            data,
        })
    }
}

/// Two's complement of the sum: bytes followed by their checksum sum to zero.
fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)).wrapping_neg()
}
