//! What a BMC acts on.

use palisade_protocol::time::Instant;

use crate::app::DeviceId;
use crate::chassis::{
    ChassisStatus, ControlAction, RestartCause, RestorePolicy, SupportedPolicies,
};
use crate::watchdog::{SetWatchdog, TimerState};
use crate::wire::Ipmb;

/// A command was not carried out: the completion code, never 0. See [`crate::completion::code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declined(pub u8);

/// What happens to a command instead of being carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Veto {
    /// It is answered with a completion code.
    Declined(Declined),
    /// It is not answered.
    Silence,
}

/// Chassis, watchdog and identity behind a BMC. Each call has been authorised already and is told
/// the time; each may decline with a completion code.
pub trait Hardware {
    /// Asked before each command, after its privilege was checked: what is to happen instead. For
    /// faults.
    fn veto(&mut self, now: Instant, request: &Ipmb<'_>) -> Option<Veto> {
        let _ = (now, request);
        None
    }

    /// Who the BMC is.
    fn device_id(&self) -> DeviceId;

    /// State of the chassis.
    ///
    /// # Errors
    /// [`Declined`] with the code to answer.
    fn chassis_status(&mut self, now: Instant) -> Result<ChassisStatus, Declined>;

    /// Orders the chassis; the answer leaves before the act is done.
    ///
    /// # Errors
    /// [`Declined`] with the code to answer.
    fn chassis_control(&mut self, now: Instant, action: ControlAction) -> Result<(), Declined>;

    /// Why the system last started.
    ///
    /// # Errors
    /// [`Declined`] with the code to answer.
    fn restart_cause(&mut self, now: Instant) -> Result<RestartCause, Declined>;

    /// Sets what happens when the mains come back, unless the policy is
    /// [`RestorePolicy::Unknown`], which only asks.
    ///
    /// # Errors
    /// [`Declined`] with the code to answer.
    fn set_restore_policy(
        &mut self,
        now: Instant,
        policy: RestorePolicy,
    ) -> Result<SupportedPolicies, Declined>;

    /// Sets the watchdog timer.
    ///
    /// # Errors
    /// [`Declined`] with the code to answer.
    fn set_watchdog(&mut self, now: Instant, setting: SetWatchdog) -> Result<(), Declined>;

    /// Reads the watchdog timer.
    ///
    /// # Errors
    /// [`Declined`] with the code to answer.
    fn get_watchdog(&mut self, now: Instant) -> Result<TimerState, Declined>;

    /// Starts or pets the watchdog timer.
    ///
    /// # Errors
    /// [`Declined`] with the code to answer; [`crate::watchdog::NEVER_INITIALISED`] before it was
    /// ever set.
    fn reset_watchdog(&mut self, now: Instant) -> Result<(), Declined>;
}
