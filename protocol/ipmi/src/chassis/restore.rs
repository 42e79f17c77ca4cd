//! Power restore policy: what a machine does when mains power comes back. [IPMI2 §28.8]
//!
//! A fenced machine with any policy but [`RestorePolicy::StayOff`] may be on again after a power cut.

use std::fmt;

use ipmi_rs_core::connection::{IpmiCommand, Message, NetFn};

use crate::malformed::Malformed;
use crate::wire::Reader;

/// What the chassis does when mains power comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestorePolicy {
    /// It stays off.
    StayOff,
    /// It returns to what it was.
    Previous,
    /// It goes on.
    AlwaysOn,
    /// The BMC does not say; in a request: change nothing, only say what is supported.
    Unknown,
}

impl RestorePolicy {
    /// The two (in a request three) bits on the wire.
    pub const fn bits(self) -> u8 {
        match self {
            Self::StayOff => 0,
            Self::Previous => 1,
            Self::AlwaysOn => 2,
            Self::Unknown => 3,
        }
    }

    /// The policy in the two low bits of `byte`.
    pub const fn from_bits(byte: u8) -> Self {
        match byte & 3 {
            0 => Self::StayOff,
            1 => Self::Previous,
            2 => Self::AlwaysOn,
            _ => Self::Unknown,
        }
    }
}

/// As `ipmitool` writes it.
impl fmt::Display for RestorePolicy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::StayOff => "always-off",
            Self::Previous => "previous",
            Self::AlwaysOn => "always-on",
            Self::Unknown => "unknown",
        })
    }
}

/// The command: network function chassis, command 0x06.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetRestorePolicy(pub RestorePolicy);

/// The reply: which policies the chassis can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SupportedPolicies {
    /// [`RestorePolicy::StayOff`].
    pub stay_off: bool,
    /// [`RestorePolicy::Previous`].
    pub previous: bool,
    /// [`RestorePolicy::AlwaysOn`].
    pub always_on: bool,
}

impl SetRestorePolicy {
    /// The command byte.
    pub const COMMAND: u8 = 0x06;

    /// Parses the request's data.
    ///
    /// # Errors
    /// [`Malformed`] unless it is one byte with a known policy.
    pub fn parse_request(data: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("set power restore policy", data);
        let byte = reader.u8()? & 0x07;
        reader.end()?;
        if byte > RestorePolicy::Unknown.bits() {
            return Err(Malformed::Value { what: "power restore policy", value: byte.into() });
        }
        Ok(Self(RestorePolicy::from_bits(byte)))
    }
}

impl SupportedPolicies {
    /// The reply's data, behind the completion code.
    pub fn encode(self) -> Vec<u8> {
        let bits =
            u8::from(self.stay_off) | u8::from(self.previous) << 1 | u8::from(self.always_on) << 2;
        vec![bits]
    }
}

impl From<SetRestorePolicy> for Message {
    fn from(SetRestorePolicy(policy): SetRestorePolicy) -> Self {
        Self::new_request(NetFn::Chassis, SetRestorePolicy::COMMAND, vec![policy.bits()])
    }
}

impl IpmiCommand for SetRestorePolicy {
    type Output = SupportedPolicies;
    type Error = Malformed;

    fn parse_success_response(data: &[u8]) -> Result<SupportedPolicies, Malformed> {
        let bits = Reader::new("set power restore policy", data).u8()?;
        let has = |policy: RestorePolicy| bits >> policy.bits() & 1 != 0;
        Ok(SupportedPolicies {
            stay_off: has(RestorePolicy::StayOff),
            previous: has(RestorePolicy::Previous),
            always_on: has(RestorePolicy::AlwaysOn),
        })
    }
}
