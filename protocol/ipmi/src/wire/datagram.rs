//! The outermost layer: RMCP header and session header, v1.5 and v2.0. [IPMI2 §13.1.3, §13.6]
//!
//! Knows where a payload begins and ends; never whether it may be believed.

use super::reader::Reader;
use crate::malformed::Malformed;

/// RMCP version 1.0, no acknowledgement asked, class IPMI.
pub const RMCP_HEADER: [u8; 4] = [0x06, 0x00, 0xFF, 0x07];

/// Length of RMCP and v2.0 session header before a payload.
pub const SETUP_HEADER_LEN: usize = 16;

const CLASS_ASF: u8 = 0x06;
const CLASS_IPMI: u8 = 0x07;
const AUTH_TYPE_NONE: u8 = 0x00;
const AUTH_TYPE_RMCP_PLUS: u8 = 0x06;
const AUTH_TYPES_V15_MAX: u8 = 0x05;
const ENCRYPTED: u8 = 0x80;
const AUTHENTICATED: u8 = 0x40;
const ASF_PING: u8 = 0x80;

/// What a v2.0 session packet carries. [IPMI2 §13.27.3]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadType {
    /// An IPMB frame.
    Ipmi,
    /// Open Session request.
    OpenSessionRequest,
    /// Open Session response.
    OpenSessionReply,
    /// RAKP message 1.
    Rakp1,
    /// RAKP message 2.
    Rakp2,
    /// RAKP message 3.
    Rakp3,
    /// RAKP message 4.
    Rakp4,
}

impl PayloadType {
    /// The six bits on the wire.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Ipmi => 0x00,
            Self::OpenSessionRequest => 0x10,
            Self::OpenSessionReply => 0x11,
            Self::Rakp1 => 0x12,
            Self::Rakp2 => 0x13,
            Self::Rakp3 => 0x14,
            Self::Rakp4 => 0x15,
        }
    }

    /// The type of the six low bits of `byte`; `None` for serial-over-LAN and OEM payloads.
    pub const fn from_bits(byte: u8) -> Option<Self> {
        match byte & 0x3F {
            0x00 => Some(Self::Ipmi),
            0x10 => Some(Self::OpenSessionRequest),
            0x11 => Some(Self::OpenSessionReply),
            0x12 => Some(Self::Rakp1),
            0x13 => Some(Self::Rakp2),
            0x14 => Some(Self::Rakp3),
            0x15 => Some(Self::Rakp4),
            _ => None,
        }
    }
}

/// A datagram taken apart as far as is possible without keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Datagram<'a> {
    /// An ASF presence ping with its tag.
    AsfPing {
        /// To be repeated in the pong.
        tag: u8,
    },
    /// A v1.5 packet; commands before a session come in this shape.
    V15(V15Packet<'a>),
    /// A v2.0 (RMCP+) packet.
    V2(SessionPacket<'a>),
}

/// A v1.5 packet without authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct V15Packet<'a> {
    /// Session sequence number; 0 outside a session.
    pub sequence: u32,
    /// Session id; 0 outside a session.
    pub session_id: u32,
    /// An IPMB frame.
    pub payload: &'a [u8],
}

/// A v2.0 packet. Neither verified nor decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionPacket<'a> {
    /// What the payload is.
    pub payload_type: PayloadType,
    /// The payload is encrypted.
    pub encrypted: bool,
    /// A session trailer with an authentication code follows.
    pub authenticated: bool,
    /// The receiver's session id; 0 during set-up.
    pub session_id: u32,
    /// Session sequence number; 0 during set-up.
    pub sequence: u32,
    /// The payload as it came.
    pub payload: &'a [u8],
    /// Everything from the authentication type byte on: header, payload and trailer.
    pub from_auth_type: &'a [u8],
    /// Padding, pad length, next header and authentication code; empty if not authenticated.
    pub trailer: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// Takes `bytes` apart.
    ///
    /// # Errors
    /// [`Malformed`] for anything that is not RMCP with ASF ping, v1.5 without authentication or
    /// v2.0, for lengths that do not fit and for bytes left over.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("rmcp header", bytes);
        let [version, _, _, class] = reader.array()?;
        if version != RMCP_HEADER[0] {
            return Err(Malformed::Value { what: "rmcp version", value: version.into() });
        }
        match class {
            CLASS_ASF => parse_ping(reader.rest()),
            CLASS_IPMI => parse_ipmi(reader.rest()),
            _ => Err(Malformed::Value { what: "rmcp class", value: class.into() }),
        }
    }
}

/// A whole set-up datagram (Open Session, RAKP, or a command before a session): v2.0, session 0,
/// neither signed nor encrypted.
///
/// # Panics
/// If the payload is longer than 65535 bytes: ours never is.
pub fn setup_datagram(payload_type: PayloadType, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap_or_default();
    assert_eq!(usize::from(length), payload.len(), "a set-up payload fits 16 bits");
    let mut out = Vec::with_capacity(SETUP_HEADER_LEN + payload.len());
    out.extend(RMCP_HEADER);
    out.extend([AUTH_TYPE_RMCP_PLUS, payload_type.byte()]);
    out.extend([0; 8]);
    out.extend(length.to_le_bytes());
    out.extend(payload);
    out
}

/// A whole v1.5 datagram outside a session, unauthenticated.
///
/// # Panics
/// If the payload is longer than 255 bytes: ours never is.
pub fn v15_datagram(payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap_or_default();
    assert_eq!(usize::from(length), payload.len(), "a v1.5 payload fits 8 bits");
    let mut out = Vec::with_capacity(14 + payload.len());
    out.extend(RMCP_HEADER);
    out.push(AUTH_TYPE_NONE);
    out.extend([0; 8]);
    out.push(length);
    out.extend(payload);
    out
}

/// The session header of a sealed IPMI payload of `length` bytes, from the authentication type on.
pub(crate) fn sealed_header(session_id: u32, sequence: u32, length: u16) -> [u8; 12] {
    let mut out = [0; 12];
    out[0] = AUTH_TYPE_RMCP_PLUS;
    out[1] = ENCRYPTED | AUTHENTICATED | PayloadType::Ipmi.byte();
    out[2..6].copy_from_slice(&session_id.to_le_bytes());
    out[6..10].copy_from_slice(&sequence.to_le_bytes());
    out[10..].copy_from_slice(&length.to_le_bytes());
    out
}

fn parse_ping(bytes: &[u8]) -> Result<Datagram<'_>, Malformed> {
    let mut reader = Reader::new("asf message", bytes);
    reader.take(4)?;
    let [kind, tag, _, length] = reader.array()?;
    if kind != ASF_PING || length != 0 {
        return Err(Malformed::Value { what: "asf message type", value: kind.into() });
    }
    Ok(Datagram::AsfPing { tag })
}

fn parse_ipmi(bytes: &[u8]) -> Result<Datagram<'_>, Malformed> {
    match bytes.first() {
        Some(&AUTH_TYPE_RMCP_PLUS) => parse_v2(bytes).map(Datagram::V2),
        Some(&AUTH_TYPE_NONE) => parse_v15(bytes).map(Datagram::V15),
        Some(&other) => {
            let signed = other <= AUTH_TYPES_V15_MAX;
            let what = if signed { "signed v1.5 session" } else { "authentication type" };
            Err(Malformed::Value { what, value: other.into() })
        }
        None => Err(Malformed::TooShort { what: "session header" }),
    }
}

fn parse_v15(bytes: &[u8]) -> Result<V15Packet<'_>, Malformed> {
    let mut reader = Reader::new("v1.5 packet", bytes);
    reader.u8()?;
    let (sequence, session_id) = (reader.u32()?, reader.u32()?);
    let length = reader.u8()?;
    let payload = reader.take(length.into())?;
    // One legacy pad byte is allowed behind payloads of certain lengths. [IPMI2 §13.6]
    if reader.rest().len() > 1 {
        reader.end()?;
    }
    Ok(V15Packet { sequence, session_id, payload })
}

fn parse_v2(bytes: &[u8]) -> Result<SessionPacket<'_>, Malformed> {
    let mut reader = Reader::new("v2.0 packet", bytes);
    reader.u8()?;
    let bits = reader.u8()?;
    let unknown = Malformed::Value { what: "payload type", value: bits.into() };
    let payload_type = PayloadType::from_bits(bits).ok_or(unknown)?;
    let (session_id, sequence) = (reader.u32()?, reader.u32()?);
    let length = reader.u16()?;
    let payload = reader.take(length.into())?;
    let authenticated = bits & AUTHENTICATED != 0;
    if !authenticated {
        reader.end()?;
    }
    Ok(SessionPacket {
        payload_type,
        encrypted: bits & ENCRYPTED != 0,
        authenticated,
        session_id,
        sequence,
        payload,
        from_auth_type: bytes,
        trailer: reader.rest(),
    })
}
