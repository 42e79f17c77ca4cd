//! Get System Restart Cause: a hint, after power is on again, at who switched it. [IPMI2 §28.11]

use std::fmt;

use ipmi_rs_core::connection::{IpmiCommand, Message, NetFn};

use crate::malformed::Malformed;
use crate::wire::Reader;

/// The command: network function chassis, command 0x07, no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetRestartCause;

impl GetRestartCause {
    /// The command byte.
    pub const COMMAND: u8 = 0x07;
}

/// The reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartCause {
    /// Why the system last started.
    pub reason: StartReason,
    /// On which channel the command came, where there was one.
    pub channel: u8,
}

/// Why a system last started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartReason {
    /// The BMC does not know.
    Unknown,
    /// A Chassis Control command: us, or another administrator.
    ChassisControl,
    /// The reset button.
    ResetButton,
    /// The power button.
    PowerButton,
    /// The BMC's watchdog.
    Watchdog,
    /// Something of the maker's.
    Oem,
    /// Mains power came back, policy always-on.
    AcAlwaysOn,
    /// Mains power came back, policy previous.
    AcPrevious,
    /// Event filtering reset it.
    FilterReset,
    /// Event filtering power-cycled it.
    FilterCycle,
    /// A soft reset by the operating system.
    SoftReset,
    /// The real-time clock woke it.
    ClockWakeup,
    /// A number that the specification does not list.
    Other(u8),
}

impl StartReason {
    /// The four bits on the wire.
    pub const fn bits(self) -> u8 {
        match self {
            Self::Unknown => 0x0,
            Self::ChassisControl => 0x1,
            Self::ResetButton => 0x2,
            Self::PowerButton => 0x3,
            Self::Watchdog => 0x4,
            Self::Oem => 0x5,
            Self::AcAlwaysOn => 0x6,
            Self::AcPrevious => 0x7,
            Self::FilterReset => 0x8,
            Self::FilterCycle => 0x9,
            Self::SoftReset => 0xA,
            Self::ClockWakeup => 0xB,
            Self::Other(bits) => bits & 0x0F,
        }
    }

    /// The reason in the four low bits of `byte`.
    pub const fn from_bits(byte: u8) -> Self {
        match byte & 0x0F {
            0x0 => Self::Unknown,
            0x1 => Self::ChassisControl,
            0x2 => Self::ResetButton,
            0x3 => Self::PowerButton,
            0x4 => Self::Watchdog,
            0x5 => Self::Oem,
            0x6 => Self::AcAlwaysOn,
            0x7 => Self::AcPrevious,
            0x8 => Self::FilterReset,
            0x9 => Self::FilterCycle,
            0xA => Self::SoftReset,
            0xB => Self::ClockWakeup,
            bits => Self::Other(bits),
        }
    }
}

/// In the words of an operator.
impl fmt::Display for StartReason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Unknown => "unknown",
            Self::ChassisControl => "chassis control command",
            Self::ResetButton => "reset button",
            Self::PowerButton => "power button",
            Self::Watchdog => "watchdog",
            Self::Oem => "oem",
            Self::AcAlwaysOn => "mains power back, policy always-on",
            Self::AcPrevious => "mains power back, policy previous",
            Self::FilterReset => "event filter reset",
            Self::FilterCycle => "event filter power cycle",
            Self::SoftReset => "soft reset",
            Self::ClockWakeup => "real-time clock",
            Self::Other(bits) => return write!(out, "cause {bits:#x}"),
        })
    }
}

impl RestartCause {
    /// The reply's data, behind the completion code.
    pub fn encode(self) -> Vec<u8> {
        vec![self.reason.bits(), self.channel]
    }
}

impl From<GetRestartCause> for Message {
    fn from(_: GetRestartCause) -> Self {
        Self::new_request(NetFn::Chassis, GetRestartCause::COMMAND, Vec::new())
    }
}

impl IpmiCommand for GetRestartCause {
    type Output = RestartCause;
    type Error = Malformed;

    fn parse_success_response(data: &[u8]) -> Result<RestartCause, Malformed> {
        let [reason, channel] = Reader::new("restart cause", data).array()?;
        Ok(RestartCause { reason: StartReason::from_bits(reason), channel })
    }
}
