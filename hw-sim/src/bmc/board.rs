//! What a simulated BMC acts on: power supply and watchdog, and the faults that get in between.
//!
//! Knows nothing of datagrams and sessions.

use palisade_ipmi::NetFn;
use palisade_ipmi::app::{CloseSession, DeviceId, SetSessionPrivilege};
use palisade_ipmi::bmc::{Declined, Hardware, Veto};
use palisade_ipmi::chassis::{
    ChassisControl, ChassisStatus, ControlAction, GetChassisStatus, LastPowerEvent, RestartCause,
    RestorePolicy, StartReason, SupportedPolicies,
};
use palisade_ipmi::completion::code;
use palisade_ipmi::watchdog::{
    GetWatchdog, NEVER_INITIALISED, ResetWatchdog, SetWatchdog, TimeoutAction, TimerState,
};
use palisade_ipmi::wire::Ipmb;
use palisade_protocol::time::{Duration, Instant, earliest};

use super::{Event, Settings};
use crate::bmc_watchdog::{Bark, BmcWatchdog, Uninitialised};
use crate::fault::{Command, Kind, Message, Plan, Times};
use crate::power::{PowerSupply, Refused, What, Wiring};

/// What the BMC acts on, and what gets in between.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) power: PowerSupply,
    wiring: Wiring,
    watchdog: Option<BmcWatchdog>,
    pub(super) faults: Plan,
    pub(super) lies_off: bool,
    came_on: Option<Instant>,
    /// The named command that was last heard.
    pub(super) last: Option<Command>,
    pub(super) events: Vec<Event>,
}

impl Board {
    pub(super) fn new(settings: &Settings) -> Self {
        let wiring = settings.wiring;
        let own = || PowerSupply::new(wiring, settings.on);
        Self {
            power: if settings.hosted { PowerSupply::hosted(wiring) } else { own() },
            wiring,
            watchdog: settings.watchdog.then(BmcWatchdog::default),
            faults: settings.faults.clone(),
            lies_off: false,
            came_on: None,
            last: None,
            events: Vec::new(),
        }
    }

    pub(super) fn advance(&mut self, now: Instant) {
        self.power.advance(now);
        self.collect();
        let barks = self.watchdog.as_mut().map_or_else(Vec::new, |dog| dog.advance(now));
        for bark in barks {
            self.events.push(Event::Watchdog(bark));
            self.bite(bark);
        }
        self.power.advance(now);
        self.collect();
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let dog = self.watchdog.as_ref().and_then(BmcWatchdog::next_deadline);
        earliest(self.power.next_deadline(), dog)
    }

    fn bite(&mut self, bark: Bark) {
        let Bark::Expired { at, action, .. } = bark else { return };
        let action = match action {
            TimeoutAction::None => return,
            TimeoutAction::Reset => ControlAction::Reset,
            TimeoutAction::Off => ControlAction::Down,
            TimeoutAction::Cycle => ControlAction::Cycle,
        };
        self.power.rewire(Wiring { restore: self.power.restore_policy(), ..self.wiring });
        if self.power.order(at, action, StartReason::Watchdog).is_err() {
            log::debug!("the watchdog of a machine without power changes nothing");
        }
    }

    /// Notes what happened to power; a machine that died takes its running timer along.
    pub(super) fn collect(&mut self) {
        for change in self.power.take_changes() {
            match change.what {
                What::Off | What::Reset(_) => {
                    if let Some(dog) = &mut self.watchdog {
                        dog.machine_restarted();
                    }
                }
                What::On(_) => self.came_on = Some(change.at),
                What::Interrupted | What::MainsLost | What::MainsBack => {}
            }
            self.events.push(Event::Power(change));
        }
        self.events.extend(self.power.take_wishes().into_iter().map(Event::Machine));
    }

    pub(super) fn forget(&mut self) {
        if let Some(dog) = &mut self.watchdog {
            dog.bmc_restarted();
        }
    }

    /// Whether a fault swallows the order that was just acknowledged.
    fn swallows(&mut self, now: Instant, action: ControlAction) -> bool {
        match action {
            ControlAction::Down => {
                let lies = self.faults.has(now, Kind::LieOff);
                self.lies_off |= lies;
                lies || self.faults.strike(now, ignored_off).is_some()
            }
            ControlAction::Up => {
                self.lies_off = false;
                self.faults.strike(now, ignored_on).is_some()
            }
            ControlAction::Cycle
            | ControlAction::Reset
            | ControlAction::Pulse
            | ControlAction::Soft => false,
        }
    }

    /// The power supply as it is wired under the present faults, and what it is told then.
    fn wire(&mut self, now: Instant, action: ControlAction) -> ControlAction {
        let mut wiring = self.wiring;
        wiring.off_latency += self.faults.sum(now, slow_off);
        wiring.restore = self.power.restore_policy();
        let button = self.faults.find(now, acpi_off);
        if let Some(latency) = button {
            wiring.soft_latency = latency;
        }
        self.power.rewire(wiring);
        match (action, button) {
            (ControlAction::Down, Some(_)) if self.power.is_on() => ControlAction::Soft,
            _ => action,
        }
    }

    /// What a reading says about power, whatever is so.
    fn says_on(&mut self, now: Instant) -> bool {
        if !self.power.is_on() || self.lies_off {
            return false;
        }
        let starting = self.faults.find(now, starting_off);
        let came_on = self.came_on.map(|at| now.since(at));
        let starts = starting.zip(came_on).is_some_and(|(span, age)| age < span);
        !starts && self.faults.strike(now, flicker).is_none()
    }

    fn dog(&mut self) -> Result<&mut BmcWatchdog, Declined> {
        self.watchdog.as_mut().ok_or(Declined(code::INVALID_COMMAND))
    }
}

impl Hardware for Board {
    fn veto(&mut self, now: Instant, request: &Ipmb<'_>) -> Option<Veto> {
        self.last = command_of(request);
        if self.faults.is_empty() {
            return None;
        }
        let command = self.last?;
        let hangs = command.is_control() && self.faults.has(now, Kind::HangControl);
        if hangs || self.faults.loses(now, Message::Request(command)) {
            return Some(Veto::Silence);
        }
        self.faults.code(now, command).map(|code| Veto::Declined(Declined(code)))
    }

    fn device_id(&self) -> DeviceId {
        DeviceId {
            device_id: 0x20,
            device_revision: 1,
            provides_device_sdrs: false,
            device_available: true,
            major_fw_revision: 1,
            minor_fw_revision: 0,
            major_version: 2,
            minor_version: 0,
            chassis_support: true,
            bridge_support: false,
            ipmb_event_generator_support: false,
            ipmb_event_receiver_support: false,
            fru_inventory_support: false,
            sel_device_support: false,
            sdr_repository_support: false,
            sensor_device_support: false,
            manufacturer_id: 0,
            product_id: 1,
            aux_revision: None,
        }
    }

    fn chassis_status(&mut self, now: Instant) -> Result<ChassisStatus, Declined> {
        let power_on = self.says_on(now);
        let power = &self.power;
        Ok(ChassisStatus {
            power_on,
            overload: false,
            interlock: false,
            power_fault: false,
            control_fault: false,
            restore_policy: power.restore_policy(),
            last_event: LastPowerEvent {
                ac_failed: power.mains_failed(),
                on_by_ipmi: power.switched_on_by_order(),
                ..LastPowerEvent::default()
            },
            misc: 0,
            front_panel: None,
        })
    }

    fn chassis_control(&mut self, now: Instant, action: ControlAction) -> Result<(), Declined> {
        self.events.push(Event::Ordered { at: now, action });
        if self.swallows(now, action) {
            return Ok(());
        }
        let action = self.wire(now, action);
        let outcome = self.power.order(now, action, StartReason::ChassisControl);
        self.collect();
        outcome.map_err(|refused| match refused {
            Refused::NotInThisState | Refused::NoMains => Declined(code::STATE),
        })
    }

    fn restart_cause(&mut self, _now: Instant) -> Result<RestartCause, Declined> {
        let reason = self.power.start_cause();
        let channel = u8::from(reason == StartReason::ChassisControl);
        Ok(RestartCause { reason, channel })
    }

    fn set_restore_policy(
        &mut self,
        _now: Instant,
        policy: RestorePolicy,
    ) -> Result<SupportedPolicies, Declined> {
        if policy != RestorePolicy::Unknown {
            self.power.set_restore_policy(policy);
        }
        Ok(SupportedPolicies { stay_off: true, previous: true, always_on: true })
    }

    fn set_watchdog(&mut self, now: Instant, setting: SetWatchdog) -> Result<(), Declined> {
        self.dog()?.set(now, setting);
        Ok(())
    }

    fn get_watchdog(&mut self, now: Instant) -> Result<TimerState, Declined> {
        Ok(self.dog()?.get(now))
    }

    fn reset_watchdog(&mut self, now: Instant) -> Result<(), Declined> {
        self.dog()?.reset(now).map_err(|Uninitialised| Declined(NEVER_INITIALISED))
    }
}

/// The command by its name among the faults, if it has one.
fn command_of(request: &Ipmb<'_>) -> Option<Command> {
    match (NetFn::from(request.netfn), request.command) {
        (NetFn::Chassis, ChassisControl::COMMAND) => match request.data.first()? {
            0 => Some(Command::Off),
            1 => Some(Command::On),
            2 => Some(Command::Cycle),
            3 => Some(Command::Reset),
            _ => None,
        },
        (NetFn::Chassis, GetChassisStatus::COMMAND) => Some(Command::Status),
        (NetFn::App, SetWatchdog::COMMAND | GetWatchdog::COMMAND | ResetWatchdog::COMMAND) => {
            Some(Command::Watchdog)
        }
        (NetFn::App, SetSessionPrivilege::COMMAND) => Some(Command::Privilege),
        (NetFn::App, CloseSession::COMMAND) => Some(Command::Close),
        _ => None,
    }
}

const fn slow_off(kind: Kind) -> Option<Duration> {
    if let Kind::SlowOff(span) = kind { Some(span) } else { None }
}

/// `Some(None)`: nobody listens to the button.
const fn acpi_off(kind: Kind) -> Option<Option<Duration>> {
    if let Kind::AcpiOff(latency) = kind { Some(latency) } else { None }
}

const fn starting_off(kind: Kind) -> Option<Duration> {
    if let Kind::StartingOff(span) = kind { Some(span) } else { None }
}

const fn ignored_off(kind: Kind) -> Option<(Times, ())> {
    if let Kind::IgnoreOff(times) = kind { Some((times, ())) } else { None }
}

const fn ignored_on(kind: Kind) -> Option<(Times, ())> {
    if let Kind::IgnoreOn(times) = kind { Some((times, ())) } else { None }
}

const fn flicker(kind: Kind) -> Option<(Times, ())> {
    if let Kind::Flicker(times) = kind { Some((times, ())) } else { None }
}
