//! Set, Get and Reset Watchdog Timer. [IPMI2 §27.5 to §27.7]

use ipmi_rs_core::connection::{IpmiCommand, Message, NetFn};

use super::timer::{PreTimeout, TimeoutAction, TimerState, TimerUse};
use crate::malformed::Malformed;
use crate::wire::Reader;

/// Set Watchdog Timer: network function application, command 0x24. Does not start it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetWatchdog {
    /// What the timer is for.
    pub timer_use: TimerUse,
    /// Log no event when it runs out.
    pub dont_log: bool,
    /// Leave a running timer running; otherwise this command stops it.
    pub dont_stop: bool,
    /// What happens when it runs out.
    pub action: TimeoutAction,
    /// What happens before.
    pub pre_timeout: PreTimeout,
    /// Expiry flags to clear; see [`TimerUse::flag`].
    pub clear_expired: u8,
    /// The value it starts from, in 100 ms.
    pub countdown: u16,
}

/// Get Watchdog Timer: network function application, command 0x25, no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetWatchdog;

/// Reset Watchdog Timer (start, or pet): network function application, command 0x22, no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResetWatchdog;

impl SetWatchdog {
    /// The command byte.
    pub const COMMAND: u8 = 0x24;

    /// Parses the request's data.
    ///
    /// # Errors
    /// [`Malformed`] unless it has 6 bytes, a known use and a known action.
    pub fn parse_request(data: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("set watchdog", data);
        let [bits, action, seconds, clear_expired] = reader.array()?;
        let countdown = reader.u16()?;
        reader.end()?;
        let no_use = Malformed::Value { what: "watchdog use", value: bits.into() };
        let no_action = Malformed::Value { what: "watchdog action", value: action.into() };
        Ok(Self {
            timer_use: TimerUse::from_bits(bits).ok_or(no_use)?,
            dont_log: bits & 0x80 != 0,
            dont_stop: bits & 0x40 != 0,
            action: TimeoutAction::from_bits(action).ok_or(no_action)?,
            pre_timeout: PreTimeout { interrupt: action >> 4 & 7, seconds },
            clear_expired,
            countdown,
        })
    }

    fn encode(self) -> Vec<u8> {
        let flags = u8::from(self.dont_stop) << 6 | u8::from(self.dont_log) << 7;
        let mut out = vec![
            self.timer_use.bits() | flags,
            self.action.bits() | (self.pre_timeout.interrupt & 7) << 4,
            self.pre_timeout.seconds,
            self.clear_expired,
        ];
        out.extend(self.countdown.to_le_bytes());
        out
    }
}

impl GetWatchdog {
    /// The command byte.
    pub const COMMAND: u8 = 0x25;
}

impl ResetWatchdog {
    /// The command byte.
    pub const COMMAND: u8 = 0x22;
}

impl From<SetWatchdog> for Message {
    fn from(command: SetWatchdog) -> Self {
        Self::new_request(NetFn::App, SetWatchdog::COMMAND, command.encode())
    }
}

impl From<GetWatchdog> for Message {
    fn from(_: GetWatchdog) -> Self {
        Self::new_request(NetFn::App, GetWatchdog::COMMAND, Vec::new())
    }
}

impl From<ResetWatchdog> for Message {
    fn from(_: ResetWatchdog) -> Self {
        Self::new_request(NetFn::App, ResetWatchdog::COMMAND, Vec::new())
    }
}

impl IpmiCommand for SetWatchdog {
    type Output = ();
    type Error = Malformed;

    fn parse_success_response(_: &[u8]) -> Result<(), Malformed> {
        Ok(())
    }
}

impl IpmiCommand for GetWatchdog {
    type Output = TimerState;
    type Error = Malformed;

    fn parse_success_response(data: &[u8]) -> Result<TimerState, Malformed> {
        TimerState::parse(data)
    }
}

impl IpmiCommand for ResetWatchdog {
    type Output = ();
    type Error = Malformed;

    fn parse_success_response(_: &[u8]) -> Result<(), Malformed> {
        Ok(())
    }
}
