//! Which commands exist, who may give them, and what they do.

use ipmi_rs_core::connection::NetFn;
use palisade_protocol::time::Instant;

use super::engine::Engine;
use super::hardware::{Declined, Hardware, Veto};
use super::session::Stage;
use crate::app::{
    AuthCapabilities, CipherSuiteChunk, CloseSession, GET_DEVICE_ID, GetAuthCapabilities,
    GetCipherSuites, GetSystemGuid, INVALID_SESSION_ID, SetSessionPrivilege, cipher_suite_records,
    encode_device_id,
};
use crate::chassis::{ChassisControl, GetChassisStatus, GetRestartCause, SetRestorePolicy};
use crate::completion::code;
use crate::malformed::Malformed;
use crate::privilege::Privilege;
use crate::suite::Suite;
use crate::watchdog::{GetWatchdog, ResetWatchdog, SetWatchdog};
use crate::wire::Ipmb;

/// Number of the LAN channel.
const CHANNEL: u8 = 1;

/// Everything that a session can order.
#[derive(Clone, Copy, Debug)]
pub(super) enum Command {
    DeviceId,
    SystemGuid,
    AuthCapabilities,
    CipherSuites,
    SetPrivilege,
    Close,
    ChassisStatus,
    ChassisControl,
    RestorePolicy,
    RestartCause,
    SetWatchdog,
    GetWatchdog,
    ResetWatchdog,
}

impl Command {
    pub(super) fn of(request: &Ipmb<'_>) -> Option<Self> {
        match (NetFn::from(request.netfn), request.command) {
            (NetFn::App, GET_DEVICE_ID) => Some(Self::DeviceId),
            (NetFn::App, GetSystemGuid::COMMAND) => Some(Self::SystemGuid),
            (NetFn::App, GetAuthCapabilities::COMMAND) => Some(Self::AuthCapabilities),
            (NetFn::App, GetCipherSuites::COMMAND) => Some(Self::CipherSuites),
            (NetFn::App, SetSessionPrivilege::COMMAND) => Some(Self::SetPrivilege),
            (NetFn::App, CloseSession::COMMAND) => Some(Self::Close),
            (NetFn::App, SetWatchdog::COMMAND) => Some(Self::SetWatchdog),
            (NetFn::App, GetWatchdog::COMMAND) => Some(Self::GetWatchdog),
            (NetFn::App, ResetWatchdog::COMMAND) => Some(Self::ResetWatchdog),
            (NetFn::Chassis, GetChassisStatus::COMMAND) => Some(Self::ChassisStatus),
            (NetFn::Chassis, ChassisControl::COMMAND) => Some(Self::ChassisControl),
            (NetFn::Chassis, SetRestorePolicy::COMMAND) => Some(Self::RestorePolicy),
            (NetFn::Chassis, GetRestartCause::COMMAND) => Some(Self::RestartCause),
            _ => None,
        }
    }

    /// The level that a session needs. [IPMI2 appendix G]
    const fn needs(self) -> Privilege {
        match self {
            Self::Close | Self::AuthCapabilities | Self::CipherSuites | Self::SystemGuid => {
                Privilege::Callback
            }
            Self::DeviceId
            | Self::SetPrivilege
            | Self::ChassisStatus
            | Self::RestartCause
            | Self::GetWatchdog => Privilege::User,
            Self::ChassisControl
            | Self::RestorePolicy
            | Self::SetWatchdog
            | Self::ResetWatchdog => Privilege::Operator,
        }
    }
}

pub(super) type Answer = Result<Vec<u8>, Declined>;

impl Engine {
    /// A command without a session.
    pub(super) fn run_outside(&self, request: &Ipmb<'_>) -> Answer {
        match Command::of(request) {
            Some(Command::AuthCapabilities) => self.auth_capabilities(request.data),
            Some(Command::CipherSuites) => self.cipher_suites(request.data),
            Some(Command::SystemGuid) => self.guid(request.data),
            Some(
                Command::DeviceId
                | Command::SetPrivilege
                | Command::Close
                | Command::ChassisStatus
                | Command::ChassisControl
                | Command::RestorePolicy
                | Command::RestartCause
                | Command::SetWatchdog
                | Command::GetWatchdog
                | Command::ResetWatchdog,
            ) => Err(Declined(code::PRIVILEGE)),
            None => Err(Declined(code::INVALID_COMMAND)),
        }
    }

    /// Whether session `id` may give this command, and nothing speaks against it.
    pub(super) fn admit(
        &mut self,
        now: Instant,
        id: u32,
        request: &Ipmb<'_>,
        hardware: &mut dyn Hardware,
    ) -> Result<Command, Veto> {
        let declined = |code| Veto::Declined(Declined(code));
        let command = Command::of(request).ok_or(declined(code::INVALID_COMMAND))?;
        if self.level(id) < Some(command.needs()) {
            return Err(declined(code::PRIVILEGE));
        }
        hardware.veto(now, request).map_or(Ok(command), Err)
    }

    /// A command of session `id` that was admitted.
    pub(super) fn run(
        &mut self,
        now: Instant,
        id: u32,
        command: Command,
        data: &[u8],
        hardware: &mut dyn Hardware,
    ) -> Answer {
        match command {
            Command::SetPrivilege => self.set_privilege(id, data),
            Command::Close => self.close(now, id, data),
            Command::SystemGuid
            | Command::AuthCapabilities
            | Command::CipherSuites
            | Command::DeviceId
            | Command::ChassisStatus
            | Command::ChassisControl
            | Command::RestorePolicy
            | Command::RestartCause
            | Command::SetWatchdog
            | Command::GetWatchdog
            | Command::ResetWatchdog => self.act(now, command, data, hardware),
        }
    }

    /// A command that has nothing to do with sessions.
    pub(super) fn act(
        &self,
        now: Instant,
        command: Command,
        data: &[u8],
        hardware: &mut dyn Hardware,
    ) -> Answer {
        match command {
            Command::SystemGuid => self.guid(data),
            Command::AuthCapabilities => self.auth_capabilities(data),
            Command::CipherSuites => self.cipher_suites(data),
            Command::SetPrivilege | Command::Close => Err(Declined(code::INVALID_COMMAND)),
            Command::DeviceId => bare(data, || Ok(encode_device_id(&hardware.device_id()))),
            Command::ChassisStatus => {
                bare(data, || hardware.chassis_status(now).map(|status| status.encode()))
            }
            Command::ChassisControl => {
                let ChassisControl(action) = read(ChassisControl::parse_request(data))?;
                hardware.chassis_control(now, action).map(|()| Vec::new())
            }
            Command::RestorePolicy => {
                let SetRestorePolicy(policy) = read(SetRestorePolicy::parse_request(data))?;
                hardware.set_restore_policy(now, policy).map(|supported| supported.encode())
            }
            Command::RestartCause => {
                bare(data, || hardware.restart_cause(now).map(|cause| cause.encode()))
            }
            Command::SetWatchdog => {
                let setting = read(SetWatchdog::parse_request(data))?;
                hardware.set_watchdog(now, setting).map(|()| Vec::new())
            }
            Command::GetWatchdog => {
                bare(data, || hardware.get_watchdog(now).map(|state| state.encode()))
            }
            Command::ResetWatchdog => {
                bare(data, || hardware.reset_watchdog(now).map(|()| Vec::new()))
            }
        }
    }

    fn level(&mut self, id: u32) -> Option<Privilege> {
        match &self.sessions.get_mut(id)?.stage {
            Stage::Active(active) => Some(active.level),
            Stage::Opened | Stage::Challenged(_) => None,
        }
    }

    fn auth_capabilities(&self, data: &[u8]) -> Answer {
        let request = read(GetAuthCapabilities::parse_request(data))?;
        let types = u8::from(request.extended) << 7;
        let logins = u8::from(self.config.key.is_some()) << 5 | 1 << 2;
        let extended = if request.extended { 0b10 } else { 0 };
        Ok(AuthCapabilities { channel: CHANNEL, types, logins, extended }.encode())
    }

    fn cipher_suites(&self, data: &[u8]) -> Answer {
        let request = read(GetCipherSuites::parse_request(data))?;
        let suites = self.config.suites.iter().copied();
        let offered: Vec<Suite> = suites.filter(|suite| self.config.offers(*suite)).collect();
        let list = match request.by_suite {
            true => cipher_suite_records(&offered),
            false => algorithm_list(&offered),
        };
        Ok(CipherSuiteChunk::of(&list, request, CHANNEL).encode())
    }

    fn guid(&self, data: &[u8]) -> Answer {
        bare(data, || Ok(self.config.shown_guid().to_vec()))
    }

    fn set_privilege(&mut self, id: u32, data: &[u8]) -> Answer {
        let SetSessionPrivilege(wanted) = read(SetSessionPrivilege::parse_request(data))?;
        let gone = Declined(code::UNSPECIFIED);
        let session = self.sessions.get_mut(id).ok_or(gone)?;
        let Stage::Active(active) = &mut session.stage else { return Err(gone) };
        let wanted = wanted.unwrap_or(active.level);
        if wanted == Privilege::Callback || wanted == Privilege::Oem {
            return Err(Declined(SetSessionPrivilege::NOT_AVAILABLE));
        }
        if wanted > session.limit {
            return Err(Declined(SetSessionPrivilege::ABOVE_LIMIT));
        }
        active.level = wanted;
        Ok(SetSessionPrivilege::encode_reply(wanted))
    }

    /// One's own session, or as administrator any.
    fn close(&mut self, now: Instant, id: u32, data: &[u8]) -> Answer {
        let CloseSession(which) = read(CloseSession::parse_request(data))?;
        if which != id && self.level(id) < Some(Privilege::Admin) {
            return Err(Declined(code::PRIVILEGE));
        }
        if !self.sessions.remove(now, which, self.config.quirks.reclaim) {
            return Err(Declined(INVALID_SESSION_ID));
        }
        Ok(Vec::new())
    }
}

/// Every algorithm once, tagged as in a record. [IPMI2 §22.15.1]
fn algorithm_list(suites: &[Suite]) -> Vec<u8> {
    let records = cipher_suite_records(suites);
    let mut list: Vec<u8> =
        records.chunks(5).flat_map(|record| record.iter().skip(2)).copied().collect();
    list.sort_unstable();
    list.dedup();
    list
}

/// A command without data.
fn bare(data: &[u8], answer: impl FnOnce() -> Answer) -> Answer {
    if data.is_empty() { answer() } else { Err(Declined(code::INVALID_LENGTH)) }
}

/// What was asked, or the code for what is wrong with it.
fn read<T>(parsed: Result<T, Malformed>) -> Result<T, Declined> {
    parsed.map_err(|malformed| match malformed {
        Malformed::TooShort { .. } | Malformed::TooLong { .. } => Declined(code::INVALID_LENGTH),
        Malformed::Value { .. } | Malformed::Damaged { .. } | Malformed::Forged { .. } => {
            Declined(code::INVALID_FIELD)
        }
    })
}
