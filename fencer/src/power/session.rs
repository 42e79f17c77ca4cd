//! An open session at one BMC.
//!
//! Has no opinion of its own. Dropping it gives the BMC's slot back.

use std::net::SocketAddr;
use std::time::Duration;

use palisade_ipmi::app::{DeviceId, Guid};
use palisade_ipmi::chassis::{ChassisStatus, LastPowerEvent, RestartCause, RestorePolicy};
use palisade_ipmi::client::{Ack, Answer, Limit, Order};
use palisade_ipmi::privilege::Privilege;
use palisade_ipmi::suite::Suite;
use palisade_ipmi::watchdog::TimerState;
use palisade_protocol::time::Instant;

use super::config::BmcConfig;
use super::engine::{Engine, Facts, Line, heard};
use super::error::{Fault, PowerError};
use super::resolve::{resolve, share};

/// What a BMC says about power. Facts, not proofs: `on == false` once is no death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PowerStatus {
    /// System power is on.
    pub on: bool,
    /// Where power is on the way to, where a device says so; it counts as on meanwhile.
    pub passage: Option<Passage>,
    /// The last attempt to switch power failed.
    pub control_fault: bool,
    /// What happens when mains power comes back.
    pub restore_policy: RestorePolicy,
    /// What happened to power last; constant on some BMCs.
    pub last_event: LastPowerEvent,
}

/// A change of power under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// From off to on.
    PoweringOn,
    /// From on to off.
    PoweringOff,
}

impl Passage {
    /// In the words of evidence.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PoweringOn => "powering on",
            Self::PoweringOff => "powering off",
        }
    }
}

impl PowerStatus {
    /// Power in the words of evidence.
    pub fn power(&self) -> &'static str {
        self.passage.map_or(if self.on { "on" } else { "off" }, Passage::name)
    }
}

/// An open session. Orders are waited for until the deadline that stands at their beginning.
#[derive(Debug)]
pub struct Session {
    config: BmcConfig,
    line: Line,
    facts: Facts,
    by: Instant,
}

impl Engine {
    /// Logs in before `by` (boot clock), which stays the deadline of every order until
    /// [`Session::set_deadline`]. Of several addresses the first that answers is taken.
    ///
    /// # Errors
    /// [`PowerError`]: for a configuration that cannot work, for what the BMC refused, for silence.
    pub async fn open(&self, config: &BmcConfig, by: Instant) -> Result<Session, PowerError> {
        let login = config.login()?;
        let profile = self.recall(config).await;
        let login = profile.shape(login);
        let mut refused = None;
        for (address, left) in resolve(config, by).await? {
            match self.open_at(config, login.clone(), address, share(by, left)).await {
                Err(error) if error.is_about_the_address() => refused = Some(error),
                Ok(session) => {
                    self.learn(config, profile.with_login(&session.facts)).await;
                    return Ok(Session { by, ..session });
                }
                Err(error) => return Err(error),
            }
        }
        Err(refused.unwrap_or_else(|| config.failed(Fault::Mismatch)))
    }

    async fn open_at(
        &self,
        config: &BmcConfig,
        login: palisade_ipmi::client::Login,
        address: SocketAddr,
        by: Instant,
    ) -> Result<Session, PowerError> {
        let limit = Limit::at(by);
        let call = self.call(login, address, limit, &[]).map_err(|fault| config.failed(fault))?;
        let facts = heard(call.open).await.map_err(|fault| config.failed(fault))?;
        Ok(Session::over(config, call.line, facts, by))
    }
}

impl Session {
    pub(super) fn over(config: &BmcConfig, line: Line, facts: Facts, by: Instant) -> Self {
        let Facts { suite, privilege, .. } = facts;
        log::debug!("bmc {}: session open, {suite}, {privilege}", config.address);
        Self { config: config.clone(), line, facts, by }
    }

    /// Who the BMC says that it is; it has proved that it knows the password.
    pub const fn guid(&self) -> Guid {
        self.facts.guid
    }

    /// The cipher suite of the session.
    pub const fn suite(&self) -> Suite {
        self.facts.suite
    }

    /// The privilege that the BMC granted.
    pub const fn privilege(&self) -> Privilege {
        self.facts.privilege
    }

    /// The address of the BMC.
    pub const fn address(&self) -> SocketAddr {
        self.facts.address
    }

    /// How long the login took.
    pub const fn login_time(&self) -> Duration {
        self.facts.login
    }

    /// From now on orders are sent and waited for until `by`. An order that is lost is sent again
    /// until then: for `off` that must not be after the warrant's end.
    pub const fn set_deadline(&mut self, by: Instant) {
        self.by = by;
    }

    /// Orders hard power off. The answer comes before the act and proves nothing.
    ///
    /// # Errors
    /// [`PowerError`]; after any kind but `Refused` and `Protocol` the session is over.
    pub async fn off(&mut self) -> Result<Ack, PowerError> {
        let Answer::Off(ack) = self.answer(Order::Off).await? else {
            return Err(self.failed(Fault::Mismatch));
        };
        Ok(ack)
    }

    /// Orders power on. The answer comes before the act and proves nothing.
    ///
    /// # Errors
    /// As [`Session::off`].
    pub async fn on(&mut self) -> Result<Ack, PowerError> {
        let Answer::On(ack) = self.answer(Order::On).await? else {
            return Err(self.failed(Fault::Mismatch));
        };
        Ok(ack)
    }

    /// Reads the chassis status: a reading that the BMC made after this call.
    ///
    /// # Errors
    /// As [`Session::off`].
    pub async fn status(&mut self) -> Result<PowerStatus, PowerError> {
        let Answer::Status(status) = self.answer(Order::Status).await? else {
            return Err(self.failed(Fault::Mismatch));
        };
        Ok(status.into())
    }

    /// Reads why the system last started.
    ///
    /// # Errors
    /// As [`Session::off`].
    pub async fn restart_cause(&mut self) -> Result<RestartCause, PowerError> {
        let Answer::RestartCause(cause) = self.answer(Order::RestartCause).await? else {
            return Err(self.failed(Fault::Mismatch));
        };
        Ok(cause)
    }

    /// Reads who made the BMC, and its firmware's version.
    ///
    /// # Errors
    /// As [`Session::off`].
    pub async fn device_id(&mut self) -> Result<DeviceId, PowerError> {
        let Answer::DeviceId(id) = self.answer(Order::DeviceId).await? else {
            return Err(self.failed(Fault::Mismatch));
        };
        Ok(id)
    }

    /// Reads the BMC's watchdog timer.
    ///
    /// # Errors
    /// As [`Session::off`].
    pub async fn watchdog(&mut self) -> Result<TimerState, PowerError> {
        let Answer::Watchdog(state) = self.answer(Order::Watchdog).await? else {
            return Err(self.failed(Fault::Mismatch));
        };
        Ok(state)
    }

    /// Gives the session back. Nothing is waited for.
    pub fn close(self) {
        drop(self);
    }

    async fn answer(&mut self, order: Order) -> Result<Answer, PowerError> {
        let heard = heard(self.line.order(order, self.by)).await;
        heard.map(|heard| heard.answer).map_err(|fault| self.failed(fault))
    }

    fn failed(&self, fault: Fault) -> PowerError {
        self.config.failed(fault)
    }
}

impl From<ChassisStatus> for PowerStatus {
    fn from(status: ChassisStatus) -> Self {
        Self {
            on: status.power_on,
            passage: None,
            control_fault: status.control_fault,
            restore_policy: status.restore_policy,
            last_event: status.last_event,
        }
    }
}
