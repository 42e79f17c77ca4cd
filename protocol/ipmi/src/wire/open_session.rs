//! Open Session: both sides choose a session id and agree on algorithms. [IPMI2 §13.17, §13.18]
//!
//! Nothing here is authenticated; RAKP does not cover the algorithms either, so whoever reads a
//! reply must compare [`OpenSessionGrant::algorithms`] with what was asked.

use std::fmt;

use super::reader::Reader;
use super::status::RmcpStatus;
use crate::malformed::Malformed;

const BLOCK_LEN: u8 = 8;

/// The three algorithm numbers of a cipher suite. [IPMI2 §13.28]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Algorithms {
    /// 1 RAKP-HMAC-SHA1, 3 RAKP-HMAC-SHA256; 0 none.
    pub authentication: u8,
    /// 1 HMAC-SHA1-96, 4 HMAC-SHA256-128; 0 none.
    pub integrity: u8,
    /// 1 AES-CBC-128; 0 none.
    pub confidentiality: u8,
}

/// For example `authentication 1, integrity 1, confidentiality 0`.
impl fmt::Display for Algorithms {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { authentication, integrity, confidentiality } = self;
        write!(
            out,
            "authentication {authentication}, integrity {integrity}, confidentiality {confidentiality}"
        )
    }
}

/// Console to BMC, 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenSessionRequest {
    /// Repeated in the reply.
    pub tag: u8,
    /// Highest privilege wanted; 0 asks for the highest possible.
    pub privilege: u8,
    /// The id under which the console wants to be addressed; not 0.
    pub console_id: u32,
    /// The algorithms wanted.
    pub algorithms: Algorithms,
}

/// BMC to console: 36 bytes when granted; when refused as short as tag and status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenSessionReply {
    /// The request's tag; some BMCs put 0.
    pub tag: u8,
    /// The console's id; 0 if a refusal did not carry it.
    pub console_id: u32,
    /// What was granted, or why not.
    pub outcome: Result<OpenSessionGrant, RmcpStatus>,
}

/// What a BMC grants in Open Session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenSessionGrant {
    /// Highest privilege that the session can reach.
    pub privilege: u8,
    /// The id under which the BMC wants to be addressed.
    pub bmc_id: u32,
    /// The algorithms chosen by the BMC.
    pub algorithms: Algorithms,
}

impl OpenSessionRequest {
    /// The payload as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![self.tag, self.privilege, 0, 0];
        out.extend(self.console_id.to_le_bytes());
        self.algorithms.encode(&mut out);
        out
    }

    /// Parses the payload.
    ///
    /// # Errors
    /// [`Malformed`] for any other length and for algorithm blocks of another shape.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("open session request", bytes);
        let [tag, privilege, _, _] = reader.array()?;
        let console_id = reader.u32()?;
        let algorithms = Algorithms::parse(&mut reader)?;
        reader.end()?;
        Ok(Self { tag, privilege: privilege & 0x0F, console_id, algorithms })
    }
}

impl OpenSessionReply {
    /// The payload as bytes; a refusal carries tag, status and console id.
    pub fn encode(&self) -> Vec<u8> {
        let status = self.outcome.map_or_else(RmcpStatus::byte, |_| 0);
        let privilege = self.outcome.map_or(0, |grant| grant.privilege);
        let mut out = vec![self.tag, status, privilege, 0];
        out.extend(self.console_id.to_le_bytes());
        if let Ok(grant) = self.outcome {
            out.extend(grant.bmc_id.to_le_bytes());
            grant.algorithms.encode(&mut out);
        }
        out
    }

    /// Parses the payload. A refusal may be cut short after its status.
    ///
    /// # Errors
    /// [`Malformed`] for a grant of any other shape.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("open session reply", bytes);
        let [tag, status] = reader.array()?;
        if let Some(refusal) = RmcpStatus::from_byte(status) {
            let console_id = id_of_refusal(reader);
            return Ok(Self { tag, console_id, outcome: Err(refusal) });
        }
        let [privilege, _] = reader.array()?;
        let (console_id, bmc_id) = (reader.u32()?, reader.u32()?);
        let algorithms = Algorithms::parse(&mut reader)?;
        reader.end()?;
        let privilege = privilege & 0x0F;
        Ok(Self {
            tag,
            console_id,
            outcome: Ok(OpenSessionGrant { privilege, bmc_id, algorithms }),
        })
    }
}

impl Algorithms {
    fn encode(self, out: &mut Vec<u8>) {
        let numbers = [self.authentication, self.integrity, self.confidentiality];
        for (kind, number) in (0_u8..).zip(numbers) {
            out.extend([kind, 0, 0, BLOCK_LEN, number, 0, 0, 0]);
        }
    }

    fn parse(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let authentication = parse_block(reader, 0)?;
        let integrity = parse_block(reader, 1)?;
        let confidentiality = parse_block(reader, 2)?;
        Ok(Self { authentication, integrity, confidentiality })
    }
}

/// The number in one algorithm block; a block of length 0 asks for any and reads as 0xFF.
fn parse_block(reader: &mut Reader<'_>, kind: u8) -> Result<u8, Malformed> {
    let [found, _, _, length, number, _, _, _] = reader.array()?;
    if found != kind {
        return Err(Malformed::Value { what: "algorithm block", value: found.into() });
    }
    match length {
        0 => Ok(0xFF),
        BLOCK_LEN => Ok(number & 0x3F),
        _ => Err(Malformed::Value { what: "algorithm block length", value: length.into() }),
    }
}

/// The console id behind two reserved bytes of a refusal, or 0 if the refusal ends before it.
pub(super) fn id_of_refusal(mut reader: Reader<'_>) -> u32 {
    reader.u16().and_then(|_| reader.u32()).unwrap_or_default()
}
