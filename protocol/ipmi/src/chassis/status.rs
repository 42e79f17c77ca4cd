//! Get Chassis Status. [IPMI2 §28.2]
//!
//! Facts as the BMC states them. One `off` is never a proof: some BMCs say off while switching on.

use ipmi_rs_core::connection::{IpmiCommand, Message, NetFn};

use super::restore::RestorePolicy;
use crate::malformed::Malformed;
use crate::wire::Reader;

/// The command: network function chassis, command 0x01, no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetChassisStatus;

impl GetChassisStatus {
    /// The command byte.
    pub const COMMAND: u8 = 0x01;
}

/// What the BMC says about the chassis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChassisStatus {
    /// System power is on.
    pub power_on: bool,
    /// Shut down because of overload.
    pub overload: bool,
    /// Shut down because of the interlock.
    pub interlock: bool,
    /// The main power subsystem has a fault.
    pub power_fault: bool,
    /// The last attempt to switch power on or off failed.
    pub control_fault: bool,
    /// What happens when mains power comes back.
    pub restore_policy: RestorePolicy,
    /// What happened to power last; constant 0 on some BMCs.
    pub last_event: LastPowerEvent,
    /// Intrusion, lock-out, drive and fan faults, identify light: the byte as it came.
    pub misc: u8,
    /// Front panel buttons, where the BMC reports them.
    pub front_panel: Option<u8>,
}

/// What happened to power last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastPowerEvent {
    /// Mains power failed.
    pub ac_failed: bool,
    /// Off because of overload.
    pub overload: bool,
    /// Off because of the interlock.
    pub interlock: bool,
    /// Off because of a power fault.
    pub power_fault: bool,
    /// On because of an IPMI command.
    pub on_by_ipmi: bool,
}

impl ChassisStatus {
    /// The reply's data, behind the completion code.
    pub fn encode(&self) -> Vec<u8> {
        let state = pack([
            self.power_on,
            self.overload,
            self.interlock,
            self.power_fault,
            self.control_fault,
        ]);
        let mut out = vec![state | self.restore_policy.bits() << 5, self.last_event.byte()];
        out.push(self.misc);
        out.extend(self.front_panel);
        out
    }

    /// Parses the reply's data, 3 or 4 bytes.
    ///
    /// # Errors
    /// [`Malformed`] for any other length.
    pub fn parse(data: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("chassis status", data);
        let [state, last, misc] = reader.array()?;
        let front_panel = if reader.is_empty() { None } else { Some(reader.u8()?) };
        reader.end()?;
        Ok(Self {
            power_on: bit(state, 0),
            overload: bit(state, 1),
            interlock: bit(state, 2),
            power_fault: bit(state, 3),
            control_fault: bit(state, 4),
            restore_policy: RestorePolicy::from_bits(state >> 5),
            last_event: LastPowerEvent::from_byte(last),
            misc,
            front_panel,
        })
    }
}

impl LastPowerEvent {
    fn byte(self) -> u8 {
        pack([self.ac_failed, self.overload, self.interlock, self.power_fault, self.on_by_ipmi])
    }

    fn from_byte(byte: u8) -> Self {
        Self {
            ac_failed: bit(byte, 0),
            overload: bit(byte, 1),
            interlock: bit(byte, 2),
            power_fault: bit(byte, 3),
            on_by_ipmi: bit(byte, 4),
        }
    }
}

impl From<GetChassisStatus> for Message {
    fn from(_: GetChassisStatus) -> Self {
        Self::new_request(NetFn::Chassis, GetChassisStatus::COMMAND, Vec::new())
    }
}

impl IpmiCommand for GetChassisStatus {
    type Output = ChassisStatus;
    type Error = Malformed;

    fn parse_success_response(data: &[u8]) -> Result<ChassisStatus, Malformed> {
        ChassisStatus::parse(data)
    }
}

fn bit(byte: u8, number: u8) -> bool {
    byte >> number & 1 != 0
}

fn pack(bits: [bool; 5]) -> u8 {
    (0_u8..).zip(bits).fold(0, |byte, (number, bit)| byte | u8::from(bit) << number)
}
