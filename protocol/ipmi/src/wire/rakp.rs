//! RAKP messages 1 to 4: both sides prove that they know the password. [IPMI2 §13.20 to §13.23]
//!
//! Only shapes: codes are made and checked by [`crate::keys::Handshake`].

use super::open_session::id_of_refusal;
use super::reader::Reader;
use super::status::RmcpStatus;
use crate::malformed::Malformed;
use crate::privilege::Role;

/// Longest user name. [IPMI2 §13.20]
pub const USER_NAME_MAX: usize = 16;

/// Longest authentication code, HMAC-SHA256.
const CODE_LEN_MAX: usize = 32;

/// Console to BMC: who wants in, as what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rakp1 {
    /// Repeated in the reply.
    pub tag: u8,
    /// The BMC's session id.
    pub bmc_id: u32,
    /// Fresh random number of the console.
    pub console_random: [u8; 16],
    /// Role and look-up bit exactly as hashed.
    pub role: Role,
    /// User name, at most [`USER_NAME_MAX`] bytes.
    pub user: Vec<u8>,
}

/// BMC to console: the BMC proves that it knows the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rakp2 {
    /// The request's tag; some BMCs put 0.
    pub tag: u8,
    /// The console's id; 0 if a refusal did not carry it.
    pub console_id: u32,
    /// The proof, or why the user is refused.
    pub outcome: Result<Rakp2Grant, RmcpStatus>,
}

/// The content of a RAKP message 2 that is no refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rakp2Grant {
    /// Fresh random number of the BMC.
    pub bmc_random: [u8; 16],
    /// The BMC's GUID.
    pub bmc_guid: [u8; 16],
    /// Key exchange authentication code, 20 or 32 bytes; not truncated.
    pub code: Vec<u8>,
}

/// Console to BMC: the console proves that it knows the password, or says why it gives up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rakp3 {
    /// Repeated in the reply.
    pub tag: u8,
    /// The BMC's session id.
    pub bmc_id: u32,
    /// The proof (20 or 32 bytes), or why the console gives up.
    pub outcome: Result<Vec<u8>, RmcpStatus>,
}

/// BMC to console: the session stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rakp4 {
    /// The request's tag; some BMCs put 0.
    pub tag: u8,
    /// The console's id; 0 if a refusal did not carry it.
    pub console_id: u32,
    /// Integrity check value (12 or 16 bytes), or why the session is refused.
    pub outcome: Result<Vec<u8>, RmcpStatus>,
}

impl Rakp1 {
    /// The payload as bytes.
    ///
    /// # Panics
    /// If the user name is longer than [`USER_NAME_MAX`].
    pub fn encode(&self) -> Vec<u8> {
        assert!(self.user.len() <= USER_NAME_MAX, "a user name was checked when it was read");
        let mut out = vec![self.tag, 0, 0, 0];
        out.extend(self.bmc_id.to_le_bytes());
        out.extend(self.console_random);
        out.extend([self.role.byte(), 0, 0, self.user.len().to_le_bytes()[0]]);
        out.extend(&self.user);
        out
    }

    /// Parses the payload.
    ///
    /// # Errors
    /// [`Malformed`] if it is cut short, has bytes left over or a name that is too long.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("rakp 1", bytes);
        let [tag, _, _, _] = reader.array()?;
        let bmc_id = reader.u32()?;
        let console_random = reader.array()?;
        let [role, _, _, length] = reader.array()?;
        if usize::from(length) > USER_NAME_MAX {
            return Err(Malformed::Value { what: "user name length", value: length.into() });
        }
        let user = reader.take(length.into())?.to_vec();
        reader.end()?;
        Ok(Self { tag, bmc_id, console_random, role: Role::from_byte(role), user })
    }
}

impl Rakp2 {
    /// The payload as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let status = self.outcome.as_ref().map_or_else(|refusal| refusal.byte(), |_| 0);
        let mut out = head(self.tag, status, self.console_id);
        if let Ok(grant) = &self.outcome {
            out.extend(grant.bmc_random);
            out.extend(grant.bmc_guid);
            out.extend(&grant.code);
        }
        out
    }

    /// Parses the payload. A refusal may be cut short after its status.
    ///
    /// # Errors
    /// [`Malformed`] if a grant is cut short or its code is longer than any HMAC.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("rakp 2", bytes);
        let [tag, status] = reader.array()?;
        if let Some(refusal) = RmcpStatus::from_byte(status) {
            return Ok(Self { tag, console_id: id_of_refusal(reader), outcome: Err(refusal) });
        }
        reader.u16()?;
        let console_id = reader.u32()?;
        let (bmc_random, bmc_guid) = (reader.array()?, reader.array()?);
        let code = code_of(reader)?;
        Ok(Self { tag, console_id, outcome: Ok(Rakp2Grant { bmc_random, bmc_guid, code }) })
    }
}

impl Rakp3 {
    /// The payload as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let parts = (self.tag, self.bmc_id, &self.outcome);
        encode_proof(parts)
    }

    /// Parses the payload.
    ///
    /// # Errors
    /// [`Malformed`] if it is cut short or its code is longer than any HMAC.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let (tag, bmc_id, outcome) = parse_proof("rakp 3", bytes)?;
        Ok(Self { tag, bmc_id, outcome })
    }
}

impl Rakp4 {
    /// The payload as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let parts = (self.tag, self.console_id, &self.outcome);
        encode_proof(parts)
    }

    /// Parses the payload. A refusal may be cut short after its status.
    ///
    /// # Errors
    /// [`Malformed`] if a grant is cut short or its code is longer than any HMAC.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let (tag, console_id, outcome) = parse_proof("rakp 4", bytes)?;
        Ok(Self { tag, console_id, outcome })
    }
}

type Proof<T> = (u8, u32, T);

fn encode_proof((tag, id, outcome): Proof<&Result<Vec<u8>, RmcpStatus>>) -> Vec<u8> {
    let status = outcome.as_ref().map_or_else(|refusal| refusal.byte(), |_| 0);
    let mut out = head(tag, status, id);
    if let Ok(code) = outcome {
        out.extend(code);
    }
    out
}

fn parse_proof(
    what: &'static str,
    bytes: &[u8],
) -> Result<Proof<Result<Vec<u8>, RmcpStatus>>, Malformed> {
    let mut reader = Reader::new(what, bytes);
    let [tag, status] = reader.array()?;
    if let Some(refusal) = RmcpStatus::from_byte(status) {
        return Ok((tag, id_of_refusal(reader), Err(refusal)));
    }
    reader.u16()?;
    let id = reader.u32()?;
    Ok((tag, id, Ok(code_of(reader)?)))
}

fn head(tag: u8, status: u8, id: u32) -> Vec<u8> {
    let mut out = vec![tag, status, 0, 0];
    out.extend(id.to_le_bytes());
    out
}

fn code_of(reader: Reader<'_>) -> Result<Vec<u8>, Malformed> {
    let code = reader.rest();
    if code.len() > CODE_LEN_MAX {
        let extra = code.len().saturating_sub(CODE_LEN_MAX);
        return Err(Malformed::TooLong { what: "authentication code", extra });
    }
    Ok(code.to_vec())
}
