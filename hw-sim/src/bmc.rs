//! One simulated BMC with its machine: sessions, power, watchdog, and the faults between them.
//!
//! The machine behind it is only its power supply: on, off, reset. Whoever simulates what runs on
//! it listens to the [`Event`]s. The BMC tells lies only when a [`fault`](crate::fault) says so,
//! and never in its events.

use palisade_ipmi::NetFn;
use palisade_ipmi::app::{DeviceId, SetSessionPrivilege};
pub use palisade_ipmi::bmc::User;
use palisade_ipmi::bmc::{Config, Declined, Engine, Hardware};
use palisade_ipmi::chassis::{
    ChassisControl, ChassisStatus, ControlAction, GetChassisStatus, LastPowerEvent, RestartCause,
    RestorePolicy, StartReason, SupportedPolicies,
};
use palisade_ipmi::completion::code;
use palisade_ipmi::entropy::Entropy;
pub use palisade_ipmi::privilege::Privilege;
pub use palisade_ipmi::secret::Secret;
use palisade_ipmi::watchdog::{
    GetWatchdog, NEVER_INITIALISED, ResetWatchdog, SetWatchdog, TimeoutAction, TimerState,
};
use palisade_ipmi::wire::{Datagram, Ipmb, PayloadType, SETUP_HEADER_LEN};
use palisade_protocol::time::{Duration, Instant, earliest};

use crate::bmc_watchdog::{Bark, BmcWatchdog, Uninitialised};
use crate::chance::Chance;
use crate::fault::{Command, Kind, Plan};
use crate::power::{Change, PowerSupply, Refused, What, Wiring};

/// Where the chosen algorithms begin in an Open Session answer, behind the session header.
const ALGORITHMS_AT: usize = SETUP_HEADER_LEN + 12;
/// Where integrity and confidentiality stand in the algorithm blocks.
const INTEGRITY_AT: usize = ALGORITHMS_AT + 8 + 4;
const CONFIDENTIALITY_AT: usize = ALGORITHMS_AT + 16 + 4;

/// How a BMC and its machine are made.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who may log in.
    pub users: Vec<User>,
    /// The machine's power supply.
    pub wiring: Wiring,
    /// Whether the machine begins powered.
    pub on: bool,
    /// Whether the BMC has a watchdog timer.
    pub watchdog: bool,
    /// Sessions at once.
    pub slots: usize,
    /// Faults.
    pub faults: Plan,
    /// Seed of all chance, GUID included.
    pub seed: u64,
}

impl Settings {
    /// A powered machine with a watchdog, one user, no latencies and no faults.
    pub fn simple(user: User, seed: u64) -> Self {
        Self {
            users: vec![user],
            wiring: Wiring::default(),
            on: true,
            watchdog: true,
            slots: 15,
            faults: Plan::default(),
            seed,
        }
    }
}

/// Something that truly happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// To the machine's power.
    Power(Change),
    /// The BMC's watchdog barked; what its action does follows as [`Event::Power`].
    Watchdog(Bark),
    /// The BMC was ordered, in a valid session, to do this to the chassis.
    Ordered {
        /// When.
        at: Instant,
        /// What.
        action: ControlAction,
    },
    /// The BMC restarts: sessions and watchdog are forgotten.
    Rebooted {
        /// When.
        at: Instant,
        /// When it will answer again.
        until: Instant,
    },
}

/// An answer on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// When it is to leave.
    pub at: Instant,
    /// The datagram.
    pub bytes: Vec<u8>,
}

/// A simulated BMC.
#[derive(Debug)]
pub struct Bmc {
    engine: Engine,
    board: Board,
    chance: Chance,
    slots: usize,
    rebooted_at: Option<Instant>,
    dead: bool,
}

impl Bmc {
    /// A BMC that has been running for long.
    pub fn new(settings: Settings) -> Self {
        let mut chance = Chance::new(settings.seed);
        let (mut guid, mut seed) = ([0; 16], [0; 32]);
        chance.fill(&mut guid);
        chance.fill(&mut seed);
        let mut config = Config::usual(settings.users, guid);
        config.slots = settings.slots;
        Self {
            engine: Engine::new(config, Entropy::from_seed(seed)),
            board: Board::new(settings.wiring, settings.on, settings.watchdog, settings.faults),
            chance,
            slots: settings.slots,
            rebooted_at: None,
            dead: false,
        }
    }

    /// Shows it a datagram; its answer, if it gives one.
    pub fn receive(&mut self, now: Instant, datagram: &[u8]) -> Option<Answer> {
        self.advance(now);
        if self.is_silent(now, datagram) || self.loses_one(now) {
            return None;
        }
        let is_full = self.board.faults.has(now, Kind::NoSlots);
        self.engine.config_mut().slots = if is_full { 0 } else { self.slots };
        let mut bytes = self.engine.receive(now, datagram, &mut self.board)?;
        self.spoil(now, &mut bytes);
        let late = self.board.faults.sum(now, late_reply);
        (!self.loses_one(now)).then_some(Answer { at: now + late, bytes })
    }

    /// Lets time pass until `now`.
    pub fn advance(&mut self, now: Instant) {
        self.reboot_if_due(now);
        self.board.advance(now);
    }

    /// When something will happen by itself.
    pub fn next_deadline(&self, now: Instant) -> Option<Instant> {
        earliest(self.board.next_deadline(), self.board.faults.next_reboot(now))
    }

    /// What happened since this was last asked, oldest first.
    pub fn take_events(&mut self) -> Vec<Event> {
        core::mem::take(&mut self.board.events)
    }

    /// The mains fail: BMC and machine are dead at once.
    pub fn mains_fail(&mut self, now: Instant) {
        self.board.power.mains_fail(now);
        self.forget();
        self.board.collect();
    }

    /// The mains come back: the restore policy decides about the machine.
    pub fn mains_return(&mut self, now: Instant) {
        self.board.power.mains_return(now);
        self.board.collect();
    }

    /// The BMC alone dies, or comes back having forgotten its sessions and its watchdog.
    pub fn set_dead(&mut self, dead: bool) {
        self.dead = dead;
        self.forget();
    }

    /// Another watchdog than the BMC's own reset the machine.
    pub fn machine_reset(&mut self, now: Instant, cause: StartReason) {
        if self.board.power.order(now, ControlAction::Reset, cause).is_err() {
            log::debug!("a machine without power is not reset");
        }
        self.board.collect();
    }

    /// Something breaks from now on.
    pub fn break_it(&mut self, now: Instant, kind: Kind) {
        self.board.faults.start(now, kind);
    }

    /// Every fault ends.
    pub fn mend(&mut self) {
        self.board.faults.clear();
        self.board.lies_off = false;
    }

    /// Whether the machine truly has power at `now`.
    pub fn is_on(&mut self, now: Instant) -> bool {
        self.advance(now);
        self.board.power.is_on()
    }

    /// The machine's power supply.
    pub const fn power(&self) -> &PowerSupply {
        &self.board.power
    }

    /// How many session slots are in use.
    pub fn sessions(&mut self, now: Instant) -> usize {
        self.engine.sessions(now)
    }

    fn forget(&mut self) {
        self.engine.restart();
        self.board.forget();
    }

    fn reboot_if_due(&mut self, now: Instant) {
        let Some((at, until)) = self.board.faults.last_reboot(now) else { return };
        if self.rebooted_at != Some(at) {
            self.rebooted_at = Some(at);
            self.forget();
            self.board.events.push(Event::Rebooted { at, until });
        }
    }

    fn is_silent(&self, now: Instant, datagram: &[u8]) -> bool {
        let faults = &self.board.faults;
        let reboots = faults.last_reboot(now).is_some_and(|(_, until)| now < until);
        let hangs = faults.has(now, Kind::Hang);
        let hangs_now = faults.has(now, Kind::HangAfterRakp2) && is_after_rakp2(datagram);
        self.dead || !self.board.power.has_mains() || reboots || hangs || hangs_now
    }

    fn loses_one(&mut self, now: Instant) -> bool {
        let mut worst = 0;
        for kind in self.board.faults.active(now) {
            if let Kind::Drop(percent) = kind {
                worst = worst.max(percent);
            }
        }
        worst > 0 && self.chance.percent(worst)
    }

    /// Changes an answer of a login as the faults want it.
    fn spoil(&self, now: Instant, bytes: &mut [u8]) {
        let Ok(Datagram::V2(packet)) = Datagram::parse(bytes) else { return };
        let kind = packet.payload_type;
        if kind != PayloadType::Ipmi && self.board.faults.has(now, Kind::TagZero) {
            put(bytes, SETUP_HEADER_LEN, 0);
        }
        if kind == PayloadType::OpenSessionReply && self.board.faults.has(now, Kind::Downgrade) {
            put(bytes, INTEGRITY_AT, 0);
            put(bytes, CONFIDENTIALITY_AT, 0);
        }
    }
}

fn put(bytes: &mut [u8], at: usize, value: u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte = value;
    }
}

fn is_after_rakp2(datagram: &[u8]) -> bool {
    match Datagram::parse(datagram) {
        Ok(Datagram::V2(packet)) => {
            let is_inside = packet.payload_type == PayloadType::Ipmi && packet.session_id != 0;
            packet.payload_type == PayloadType::Rakp3 || is_inside
        }
        Ok(Datagram::AsfPing { .. } | Datagram::V15(_)) | Err(_) => false,
    }
}

const fn late_reply(kind: Kind) -> Option<Duration> {
    if let Kind::LateReply(span) = kind { Some(span) } else { None }
}

const fn slow_off(kind: Kind) -> Option<Duration> {
    if let Kind::SlowOff(span) = kind { Some(span) } else { None }
}

/// What the BMC acts on, and what gets in between.
#[derive(Debug)]
struct Board {
    power: PowerSupply,
    off_latency: Duration,
    watchdog: Option<BmcWatchdog>,
    faults: Plan,
    lies_off: bool,
    events: Vec<Event>,
}

impl Board {
    fn new(wiring: Wiring, on: bool, watchdog: bool, faults: Plan) -> Self {
        Self {
            power: PowerSupply::new(wiring, on),
            off_latency: wiring.off_latency,
            watchdog: watchdog.then(BmcWatchdog::default),
            faults,
            lies_off: false,
            events: Vec::new(),
        }
    }

    fn advance(&mut self, now: Instant) {
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

    fn next_deadline(&self) -> Option<Instant> {
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
        self.power.set_off_latency(self.off_latency);
        if self.power.order(at, action, StartReason::Watchdog).is_err() {
            log::debug!("the watchdog of a machine without power changes nothing");
        }
    }

    /// Notes what happened to power; a machine that died takes its running timer along.
    fn collect(&mut self) {
        for change in self.power.take_changes() {
            match change.what {
                What::Off | What::Reset(_) => {
                    if let Some(dog) = &mut self.watchdog {
                        dog.machine_restarted();
                    }
                }
                What::On(_) | What::Interrupted | What::MainsLost | What::MainsBack => {}
            }
            self.events.push(Event::Power(change));
        }
    }

    fn forget(&mut self) {
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
                lies || self.faults.has(now, Kind::IgnoreOff)
            }
            ControlAction::Up => {
                self.lies_off = false;
                false
            }
            ControlAction::Cycle
            | ControlAction::Reset
            | ControlAction::Pulse
            | ControlAction::Soft => false,
        }
    }

    fn dog(&mut self) -> Result<&mut BmcWatchdog, Declined> {
        self.watchdog.as_mut().ok_or(Declined(code::INVALID_COMMAND))
    }
}

impl Hardware for Board {
    fn veto(&mut self, now: Instant, request: &Ipmb<'_>) -> Option<Declined> {
        let code = self.faults.code(now, command_of(request)?)?;
        Some(Declined(code))
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

    fn chassis_status(&mut self, _now: Instant) -> Result<ChassisStatus, Declined> {
        let power = &self.power;
        Ok(ChassisStatus {
            power_on: power.is_on() && !self.lies_off,
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
        self.power.set_off_latency(self.off_latency + self.faults.sum(now, slow_off));
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
        _ => None,
    }
}
