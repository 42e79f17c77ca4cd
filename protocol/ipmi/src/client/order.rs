//! What a console can order, and what comes back.
//!
//! There is no cycle and no reset among them. Every order but the diagnostic interrupt may be carried out
//! twice without harm; that one is sent once.

use std::fmt;

use ipmi_rs_core::connection::{IpmiCommand, Message};

use super::error::{Declined, PrivilegeEvidence};
use crate::app::{DeviceId, GetDeviceId, SetSessionPrivilege};
use crate::chassis::{
    ChassisControl, ChassisStatus, ControlAction, GetChassisStatus, GetRestartCause, RestartCause,
};
use crate::completion::code;
use crate::malformed::Malformed;
use crate::privilege::Privilege;
use crate::watchdog::{GetWatchdog, TimerState};

/// One order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Hard power off.
    Off,
    /// Power on.
    On,
    /// Pulse a diagnostic interrupt: what comes of it is the operating system's affair.
    Diagnose,
    /// Read the chassis status.
    Status,
    /// Read why the system last started.
    RestartCause,
    /// Read who the BMC is.
    DeviceId,
    /// Read the BMC's watchdog timer.
    Watchdog,
}

/// The answer to an order.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// To [`Order::Off`]. Not a proof of anything: the action comes after the answer.
    Off(Ack),
    /// To [`Order::On`]. Not a proof of anything either.
    On(Ack),
    /// To [`Order::Diagnose`].
    Diagnosed,
    /// To [`Order::Status`].
    Status(ChassisStatus),
    /// To [`Order::RestartCause`].
    RestartCause(RestartCause),
    /// To [`Order::DeviceId`].
    DeviceId(DeviceId),
    /// To [`Order::Watchdog`].
    Watchdog(TimerState),
}

/// How a BMC took a power order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ack {
    /// It will carry it out.
    Accepted,
    /// It says 0xD5: not possible in the present state. Some makers say so when the machine is
    /// already there; only the status can tell.
    NotInThisState,
}

impl Order {
    pub(super) fn message(self) -> Message {
        match self {
            Self::Off => ChassisControl(ControlAction::Down).into(),
            Self::On => ChassisControl(ControlAction::Up).into(),
            Self::Diagnose => ChassisControl(ControlAction::Pulse).into(),
            Self::Status => GetChassisStatus.into(),
            Self::RestartCause => GetRestartCause.into(),
            Self::DeviceId => GetDeviceId.into(),
            Self::Watchdog => GetWatchdog.into(),
        }
    }

    /// Whether it may be sent again when no answer comes. A second interrupt would break off the dump
    /// that the first has begun.
    pub(super) const fn is_repeatable(self) -> bool {
        !matches!(self, Self::Diagnose)
    }

    /// The meaning of a reply to this order.
    pub(super) fn answer(self, completion: u8, data: &[u8]) -> Result<Answer, Declined> {
        match (self, completion) {
            (Self::Off, code::STATE) => return Ok(Answer::Off(Ack::NotInThisState)),
            (Self::On, code::STATE) => return Ok(Answer::On(Ack::NotInThisState)),
            (_, code::OK) => {}
            (order, code) => return Err(Declined::Code { order, code }),
        }
        self.parse(data).map_err(|why| Declined::Malformed { order: self, why })
    }

    fn parse(self, data: &[u8]) -> Result<Answer, Malformed> {
        Ok(match self {
            Self::Off => Answer::Off(Ack::Accepted),
            Self::On => Answer::On(Ack::Accepted),
            Self::Diagnose => Answer::Diagnosed,
            Self::Status => Answer::Status(GetChassisStatus::parse_success_response(data)?),
            Self::RestartCause => {
                Answer::RestartCause(GetRestartCause::parse_success_response(data)?)
            }
            Self::DeviceId => Answer::DeviceId(parse_device_id(data)?),
            Self::Watchdog => Answer::Watchdog(GetWatchdog::parse_success_response(data)?),
        })
    }
}

/// For example `power off`.
impl fmt::Display for Order {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Off => "power off",
            Self::On => "power on",
            Self::Diagnose => "diagnostic interrupt",
            Self::Status => "chassis status",
            Self::RestartCause => "restart cause",
            Self::DeviceId => "device id",
            Self::Watchdog => "watchdog state",
        })
    }
}

/// The level that a BMC granted, if it can switch power.
pub(super) fn granted_level(
    asked: Privilege,
    completion: u8,
    data: &[u8],
) -> Result<Privilege, PrivilegeEvidence> {
    if completion != code::OK {
        return Err(PrivilegeEvidence::Code(completion));
    }
    // A BMC that says "done" without saying which level has done what it was asked.
    let level = SetSessionPrivilege::parse_success_response(data).unwrap_or(asked);
    if level < Privilege::Operator {
        return Err(PrivilegeEvidence::Granted(level));
    }
    Ok(level)
}

/// Whether a refusal may be cured by asking for a lower level.
pub(super) const fn is_above_limit(code: u8) -> bool {
    matches!(code, SetSessionPrivilege::NOT_AVAILABLE | SetSessionPrivilege::ABOVE_LIMIT)
}

fn parse_device_id(data: &[u8]) -> Result<DeviceId, Malformed> {
    let short = Malformed::TooShort { what: "device id" };
    GetDeviceId::parse_success_response(data).map_err(|_| short)
}
