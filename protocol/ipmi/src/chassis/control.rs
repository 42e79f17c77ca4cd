//! Chassis Control. [IPMI2 §28.3]

use ipmi_rs_core::connection::{IpmiCommand, Message, NetFn};

use crate::malformed::Malformed;
use crate::wire::Reader;

/// What is to be done to the chassis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlAction {
    /// Hard off, into S5. With a proven `off` status afterwards, the only proof of death.
    Down,
    /// On.
    Up,
    /// Off for at least a second, then on; the off is never observable.
    Cycle,
    /// Hard reset; devices stay powered.
    Reset,
    /// Pulse a diagnostic interrupt.
    Pulse,
    /// Ask the operating system to shut down.
    Soft,
}

impl ControlAction {
    /// The four bits on the wire.
    pub const fn bits(self) -> u8 {
        match self {
            Self::Down => 0,
            Self::Up => 1,
            Self::Cycle => 2,
            Self::Reset => 3,
            Self::Pulse => 4,
            Self::Soft => 5,
        }
    }

    /// The action in the four low bits of `byte`; `None` above 5.
    pub const fn from_bits(byte: u8) -> Option<Self> {
        match byte & 0x0F {
            0 => Some(Self::Down),
            1 => Some(Self::Up),
            2 => Some(Self::Cycle),
            3 => Some(Self::Reset),
            4 => Some(Self::Pulse),
            5 => Some(Self::Soft),
            _ => None,
        }
    }
}

/// The command: network function chassis, command 0x02. Its reply has no data, and comes before
/// the action is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChassisControl(pub ControlAction);

impl ChassisControl {
    /// The command byte.
    pub const COMMAND: u8 = 0x02;

    /// Parses the request's data.
    ///
    /// # Errors
    /// [`Malformed`] unless it is one byte with a known action.
    pub fn parse_request(data: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("chassis control", data);
        let byte = reader.u8()?;
        reader.end()?;
        let unknown = Malformed::Value { what: "chassis control", value: byte.into() };
        ControlAction::from_bits(byte).map(Self).ok_or(unknown)
    }
}

impl From<ChassisControl> for Message {
    fn from(ChassisControl(action): ChassisControl) -> Self {
        Self::new_request(NetFn::Chassis, ChassisControl::COMMAND, vec![action.bits()])
    }
}

impl IpmiCommand for ChassisControl {
    type Output = ();
    type Error = Malformed;

    fn parse_success_response(_: &[u8]) -> Result<(), Malformed> {
        Ok(())
    }
}
