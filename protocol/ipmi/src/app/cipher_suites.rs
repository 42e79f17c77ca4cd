//! Get Channel Cipher Suites, asked in chunks of 16 bytes. [IPMI2 §22.15]
//!
//! Our client skips it: BMCs lie here, or never answer.

use ipmi_rs_core::connection::{IpmiCommand, Message, NetFn};

use crate::malformed::Malformed;
use crate::suite::Suite;
use crate::wire::Reader;

/// How many bytes of the list one reply carries at most.
pub const CIPHER_LIST_CHUNK: usize = 16;

const STANDARD_RECORD: u8 = 0xC0;
const OEM_RECORD: u8 = 0xC1;
const IS_RECORD: u8 = 0xC0;
const INTEGRITY_TAG: u8 = 0x40;
const CONFIDENTIALITY_TAG: u8 = 0x80;
const BY_SUITE: u8 = 0x80;

/// The command: network function application, command 0x54.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetCipherSuites {
    /// Channel number, 0x0E this one.
    pub channel: u8,
    /// Payload type that the question is about; 0 IPMI.
    pub payload_type: u8,
    /// List by suite, not by algorithm.
    pub by_suite: bool,
    /// Which chunk of the list, 0 to 63.
    pub index: u8,
}

/// The reply: channel and up to [`CIPHER_LIST_CHUNK`] bytes of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CipherSuiteChunk {
    /// The real channel number.
    pub channel: u8,
    /// A part of the list; shorter than a whole chunk: the last.
    pub records: Vec<u8>,
}

/// The whole list of records for `suites`.
pub fn cipher_suite_records(suites: &[Suite]) -> Vec<u8> {
    suites.iter().flat_map(|suite| record(*suite)).collect()
}

/// The numbers of the standard suites in a whole list, in its order. A maker's own suites, and bytes
/// that are no record, are passed over.
pub fn cipher_suite_ids(records: &[u8]) -> Vec<u8> {
    let mut ids = Vec::new();
    let mut rest = records;
    while let [kind, tail @ ..] = rest {
        let begins = if *kind == STANDARD_RECORD { tail.first() } else { None };
        ids.extend(begins);
        // Behind the head, which may have any value, come bytes with a tag.
        let head = match *kind {
            STANDARD_RECORD => 1,
            OEM_RECORD => 4,
            _ => 0,
        };
        let tail = tail.get(head..).unwrap_or_default();
        let next = tail.iter().position(|byte| byte & IS_RECORD == IS_RECORD);
        rest = next.and_then(|next| tail.get(next..)).unwrap_or_default();
    }
    ids
}

impl GetCipherSuites {
    /// The command byte.
    pub const COMMAND: u8 = 0x54;

    /// Parses the request's data.
    ///
    /// # Errors
    /// [`Malformed`] unless it is three bytes.
    pub fn parse_request(data: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("get channel cipher suites", data);
        let [channel, payload_type, index] = reader.array()?;
        reader.end()?;
        Ok(Self {
            channel: channel & 0x0F,
            payload_type: payload_type & 0x3F,
            by_suite: index & BY_SUITE != 0,
            index: index & 0x3F,
        })
    }
}

impl CipherSuiteChunk {
    /// The chunk of `list` that `request` asks for, on `channel`.
    pub fn of(list: &[u8], request: GetCipherSuites, channel: u8) -> Self {
        let from = usize::from(request.index).saturating_mul(CIPHER_LIST_CHUNK).min(list.len());
        let to = from.saturating_add(CIPHER_LIST_CHUNK).min(list.len());
        Self { channel, records: list.get(from..to).unwrap_or_default().to_vec() }
    }

    /// The reply's data, behind the completion code.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![self.channel];
        out.extend(&self.records);
        out
    }
}

impl From<GetCipherSuites> for Message {
    fn from(command: GetCipherSuites) -> Self {
        let index = command.index & 0x3F | u8::from(command.by_suite) << 7;
        let data = vec![command.channel & 0x0F, command.payload_type & 0x3F, index];
        Self::new_request(NetFn::App, GetCipherSuites::COMMAND, data)
    }
}

impl IpmiCommand for GetCipherSuites {
    type Output = CipherSuiteChunk;
    type Error = Malformed;

    fn parse_success_response(data: &[u8]) -> Result<CipherSuiteChunk, Malformed> {
        let mut reader = Reader::new("cipher suites", data);
        let channel = reader.u8()?;
        Ok(CipherSuiteChunk { channel, records: reader.rest().to_vec() })
    }
}

fn record(suite: Suite) -> [u8; 5] {
    let algorithms = suite.algorithms();
    [
        STANDARD_RECORD,
        suite.id(),
        algorithms.authentication,
        INTEGRITY_TAG | algorithms.integrity,
        CONFIDENTIALITY_TAG | algorithms.confidentiality,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_back_with_the_makers_own_suites_passed_over() {
        let ours = cipher_suite_records(&[Suite::Sha1, Suite::Sha256]);
        assert_eq!(cipher_suite_ids(&ours), [3, 17]);
        let oem = [0xC1, 0x80, 0xC0, 0x01, 0x00, 0x01, 0x41];
        let zero = [0xC0, 0, 0, 0x40, 0x80];
        assert_eq!(cipher_suite_ids(&[&oem[..], &zero, &ours].concat()), [0, 3, 17]);
        assert!(cipher_suite_ids(&[0x01, 0x41]).is_empty());
        assert!(cipher_suite_ids(&[0xC0]).is_empty());
    }
}
