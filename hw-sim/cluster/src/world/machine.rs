//! One simulated machine: its power, its BMC, its watchdog, its clock, its disk, its service, and
//! the cores that run on it.

use std::collections::BTreeMap;

use palisade_agent_core::health::{Answer, CheckConfig};
use palisade_agent_core::pet::PetPermit;
use palisade_agent_core::{AgentConfig, AgentCore, DogConfig};
use palisade_fencer_core::{
    Effects as FencerEffects, FencerConfig, FencerCore, Input as FencerInput, MemberConfig,
};
use palisade_protocol::ids::{BootId, NodeId, Peer, Start, VOTERS_MAX};
use palisade_protocol::postbox::Postbox;
use palisade_protocol::time::{Duration, Instant};
use palisade_protocol::timing::Timing;
use palisade_protocol::wire::{DogClass, VERSION};

use super::clock::Clock;
use super::disk::Disk;
use super::keys;
use super::shape::Shape;

/// Datagrams that the sockets of a process that stands still keep for it.
const BACKLOG: usize = 128;

/// How a machine's BMC behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bmc {
    /// It obeys, off after this long.
    Works {
        /// From order to off.
        off_latency: Duration,
    },
    /// It has no power or no network: it answers nothing.
    Dead,
    /// It acknowledges every order and does nothing.
    Ignores,
    /// It ignores every order, and every other reading is off.
    Flaps,
    /// It obeys at once and answers this late.
    Late {
        /// From question to answer.
        answer: Duration,
    },
    /// It obeys, and its restore policy gives power back by itself.
    Restores {
        /// From off to on.
        after: Duration,
    },
}

impl Bmc {
    pub(super) fn is_alive(self) -> bool {
        self != Self::Dead
    }

    pub(super) const fn answers_after(self) -> Duration {
        match self {
            Self::Late { answer } => answer,
            Self::Works { .. }
            | Self::Dead
            | Self::Ignores
            | Self::Flaps
            | Self::Restores { .. } => super::BMC_ANSWER,
        }
    }

    /// From order to off, if it obeys.
    pub(super) const fn off_latency(self) -> Option<Duration> {
        match self {
            Self::Works { off_latency } => Some(off_latency),
            Self::Late { .. } | Self::Restores { .. } => Some(Duration::ZERO),
            Self::Dead | Self::Ignores | Self::Flaps => None,
        }
    }
}

/// A session that a fencer holds with a BMC.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session {
    /// When it was opened, by the fencer's clock.
    pub(super) at: Instant,
    /// How often the BMC had rebooted.
    pub(super) bmc_boots: u32,
}

/// A daemon of a machine as the operating system sees it.
#[derive(Debug)]
pub(super) struct Process<Core> {
    pub(super) core: Option<Box<Core>>,
    pub(super) postbox: Option<Box<Postbox>>,
    /// Counts starts and ends, so that what was meant for one run never reaches another.
    pub(super) run: u32,
    /// It stands still: stopped by a signal.
    pub(super) frozen: bool,
    /// What its sockets keep for it.
    pub(super) backlog: Vec<u32>,
    /// When its next turn is, in the world's time.
    pub(super) turn_at: Instant,
    /// The deadline that turn is for, by its own clock.
    pub(super) deadline: Option<Instant>,
}

impl<Core> Process<Core> {
    const fn new() -> Self {
        Self {
            core: None,
            postbox: None,
            run: 0,
            frozen: false,
            backlog: Vec::new(),
            turn_at: Instant::NEVER,
            deadline: None,
        }
    }

    fn start(&mut self, core: Core, postbox: Box<Postbox>) {
        self.core = Some(Box::new(core));
        self.postbox = Some(postbox);
        self.run += 1;
        self.frozen = false;
    }

    /// It ends; the datagrams that nobody will read.
    pub(super) fn stop(&mut self) -> Vec<u32> {
        let run = self.run + 1;
        std::mem::replace(self, Self { run, ..Self::new() }).backlog
    }

    /// Keeps a datagram for a process that stands still; whether there was room.
    pub(super) fn keep(&mut self, letter: u32) -> bool {
        let room = self.core.is_some() && self.backlog.len() < BACKLOG;
        if room {
            self.backlog.push(letter);
        }
        room
    }
}

/// One machine.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) id: NodeId,
    pub(super) is_member: bool,
    pub(super) votes: bool,
    pub(super) class: DogClass,
    pub(super) clock: Clock,
    pub(super) powered: bool,
    pub(super) booted: bool,
    pub(super) power_run: u32,
    /// How many Offs its BMC has begun.
    pub(super) offs: u32,
    pub(super) bmc: Bmc,
    pub(super) bmc_reads: u32,
    /// How often its BMC has rebooted: a session ends with it.
    pub(super) bmc_boots: u32,
    /// When its BMC has rebooted, or is silent no longer.
    pub(super) bmc_back_at: Instant,
    /// Until when its BMC has no slot for another session.
    pub(super) bmc_full_until: Instant,
    /// The Off that its BMC is carrying out.
    pub(super) off_pending: Option<u32>,
    pub(super) cuts: usize,
    /// Since when its hypervisor has it paused.
    pub(super) paused_at: Option<Instant>,
    /// When it last went on after a pause.
    pub(super) resumed_at: Instant,
    /// Its kernel hangs: nothing runs, the power is on.
    pub(super) hung: bool,
    /// It is broken for good: no life of it begins.
    pub(super) broken: bool,
    /// Its daemons speak the version after this one.
    pub(super) speaks_next: bool,
    /// `W`.
    pub(super) fire: Duration,
    pub(super) agent: Process<AgentCore>,
    pub(super) fencer: Process<FencerCore>,
    pub(super) armed: bool,
    /// Since when it has been.
    pub(super) armed_at: Instant,
    /// Whether the running agent knows that the watchdog is armed.
    pub(super) armed_told: bool,
    pub(super) pet_due: Instant,
    pub(super) pets: u32,
    pub(super) bites_at: Instant,
    /// How long the agent is to stand still between its next test and its pet.
    pub(super) stall: Option<Duration>,
    pub(super) permit: Option<PetPermit>,
    pub(super) service: Option<Answer>,
    /// What its agent knows of the service: that it was up, and that it has failed since.
    pub(super) service_known: (bool, bool),
    /// Whether the service writes here, in this life.
    pub(super) active: bool,
    /// When the promise of each voter to the running life ends, in the world's time.
    pub(super) promises: [Instant; VOTERS_MAX],
    /// Lives proven over to the fencer here.
    pub(super) proofs: Vec<(NodeId, BootId)>,
    pub(super) disk: Disk,
    sessions: BTreeMap<(NodeId, u32), Session>,
    lives: u32,
    starts: u32,
    /// How many starts there had been when the running life began.
    starts_before: u32,
}

impl Machine {
    pub(super) fn new(id: NodeId, shape: &Shape) -> Self {
        let is_virtual = shape.virtual_nodes.contains(&id);
        Self {
            id,
            is_member: id.get() <= shape.members,
            votes: id.get() <= shape.voters,
            class: if is_virtual { DogClass::Virtual } else { DogClass::Physical },
            clock: Clock::true_one(),
            powered: false,
            booted: false,
            power_run: 0,
            offs: 0,
            bmc: Bmc::Works { off_latency: Duration::ZERO },
            bmc_reads: 0,
            bmc_boots: 0,
            bmc_back_at: Instant::BOOT,
            bmc_full_until: Instant::BOOT,
            off_pending: None,
            cuts: 0,
            paused_at: None,
            resumed_at: Instant::BOOT,
            hung: false,
            broken: false,
            speaks_next: false,
            fire: shape.fire,
            agent: Process::new(),
            fencer: Process::new(),
            armed: false,
            armed_at: Instant::BOOT,
            armed_told: false,
            pet_due: Instant::BOOT,
            pets: 0,
            bites_at: Instant::NEVER,
            stall: None,
            permit: None,
            service: None,
            service_known: (false, false),
            active: false,
            promises: [Instant::BOOT; VOTERS_MAX],
            proofs: Vec::new(),
            disk: Disk::new(shape.disks_known),
            sessions: BTreeMap::new(),
            lives: 0,
            starts: 0,
            starts_before: 0,
        }
    }

    /// What its clock reads at `now`; a paused machine's reads what it did when it was paused.
    pub(super) fn local(&self, now: Instant) -> Instant {
        self.clock.local(self.paused_at.unwrap_or(now))
    }

    /// Whether nothing on it moves.
    pub(super) const fn is_still(&self) -> bool {
        self.hung || self.paused_at.is_some()
    }

    /// Whether the machine lives: what runs on it can act, or will when it moves again.
    pub(super) const fn is_running(&self) -> bool {
        self.booted
    }

    /// The life that runs, if one does.
    pub(super) fn running_boot(&self) -> Option<BootId> {
        self.booted.then(|| self.boot())
    }

    /// Everything stops; the disk keeps what was written. The datagrams that nobody will read.
    pub(super) fn halt(&mut self) -> Vec<u32> {
        let mut unread = self.stop_agent();
        self.booted = false;
        self.paused_at = None;
        self.hung = false;
        self.armed = false;
        self.pets = self.pets.wrapping_add(1);
        self.bites_at = Instant::NEVER;
        self.service = None;
        self.active = false;
        self.promises = [Instant::BOOT; VOTERS_MAX];
        unread.extend(self.stop_fencer());
        unread
    }

    pub(super) fn stop_agent(&mut self) -> Vec<u32> {
        self.armed_told = false;
        self.service_known = (false, false);
        self.pet_due = Instant::BOOT;
        self.stall = None;
        self.permit = None;
        self.agent.stop()
    }

    pub(super) fn stop_fencer(&mut self) -> Vec<u32> {
        self.sessions.clear();
        self.proofs.clear();
        self.disk.crash();
        self.fencer.stop()
    }

    /// Its agent is told what the service answered.
    pub(super) const fn told_of_service(&mut self, answer: Answer) {
        let (up, failed) = self.service_known;
        self.service_known = match answer {
            Answer::Running => (true, failed),
            Answer::Failed(_) => (up, up),
            Answer::Maintenance
            | Answer::FirstRun
            | Answer::Starting
            | Answer::Stopping
            | Answer::Silent => (up, failed),
        };
    }

    /// Power comes; the number of this power-on.
    pub(super) const fn power_up(&mut self) -> u32 {
        self.powered = true;
        self.power_run += 1;
        self.power_run
    }

    /// A life begins.
    pub(super) fn boot_up(&mut self, clock: Clock) {
        self.lives += 1;
        self.booted = true;
        self.promises = [Instant::BOOT; VOTERS_MAX];
        self.starts_before = self.starts;
        self.clock = clock;
    }

    /// Whether the process started as `start` belongs to the running life.
    pub(super) fn lives_since(&self, start: Start) -> bool {
        start.get() & STARTS > self.starts_before
    }

    /// The session with the BMC of `target` for `case`, opened now if there is none.
    pub(super) fn opened_session(&mut self, (target, case): (NodeId, u32), fresh: Session) {
        self.sessions.entry((target, case)).or_insert(fresh);
    }

    pub(super) fn lost_session(&mut self, (target, case): (NodeId, u32)) {
        self.sessions.remove(&(target, case));
    }

    pub(super) fn session(&self, (target, case): (NodeId, u32)) -> Option<Session> {
        self.sessions.get(&(target, case)).copied()
    }

    /// Whether its BMC hears anybody.
    pub(super) fn bmc_hears(&self, now: Instant) -> bool {
        self.bmc.is_alive() && now >= self.bmc_back_at
    }

    /// The version that its daemons write.
    pub(super) fn version(&self) -> u8 {
        if self.speaks_next { VERSION + 1 } else { VERSION }
    }

    pub(super) fn start_agent(&mut self, now: Instant, timing: Timing, shape: &Shape) {
        let (boot, start) = (self.boot(), self.next_start());
        let config = AgentConfig {
            me: self.id,
            boot,
            start,
            voters: shape.voter_nodes().collect(),
            timing,
            dog: DogConfig {
                class: self.class,
                certified: true,
                timeout: self.fire,
                fire: self.fire,
                runs: self.armed,
            },
            check: Some(check(timing.raw().suspect_after, self.service.is_some())),
            digest: 1,
        };
        let core = AgentCore::new(config, self.local(now));
        let voters = shape.voter_nodes().map(Peer::voter);
        let me = (Peer::member(self.id), self.version());
        self.agent.start(core, keys::postbox(me, boot, start, voters));
    }

    pub(super) fn start_fencer(&mut self, now: Instant, timing: Timing, shape: &Shape) {
        let memory = self.disk.recall();
        let (boot, start) = (self.boot(), self.next_start());
        let fire = shape.fire;
        let member = |node: NodeId| MemberConfig { node, has_power_device: true, fire };
        let config = FencerConfig {
            me: self.id,
            start,
            voters: shape.voter_nodes().collect(),
            members: shape.member_nodes().map(member).collect(),
            timing,
            power_on: true,
            fences_per_hour_max: shape.fences_per_hour_max,
            fences_at_once_max: 1,
            digest: 1,
        };
        let core = FencerCore::new(config, self.local(now), memory);
        let me = self.id;
        let voters = shape.voter_nodes().filter(|id| *id != me).map(Peer::voter);
        let peers = shape.member_nodes().map(Peer::member).chain(voters);
        let me = (Peer::voter(me), self.version());
        self.fencer.start(core, keys::postbox(me, boot, start, peers));
    }

    /// Tells the fencer something, if it can take note of it; whether it did.
    pub(super) fn tell_fencer(
        &mut self,
        now: Instant,
        input: FencerInput,
        effects: &mut FencerEffects,
    ) -> bool {
        if self.fencer.frozen || self.is_still() {
            return false;
        }
        let local = self.local(now);
        let Some(fencer) = &mut self.fencer.core else { return false };
        fencer.handle(local, input, effects);
        true
    }

    /// The life that runs, or the last one that did.
    pub(super) fn boot(&self) -> BootId {
        BootId(u64::from(self.id.get()) << 32 | u64::from(self.lives))
    }

    fn next_start(&mut self) -> Start {
        self.starts += 1;
        Start::new(u32::from(self.id.get()) << STARTS.count_ones() | self.starts & STARTS)
    }
}

/// The bits of a start's number that count the starts of its machine.
const STARTS: u32 = 0x00ff_ffff;

/// A check that is asked three times within two suspicions.
fn check(suspicion: Duration, armed: bool) -> CheckConfig {
    CheckConfig {
        every: suspicion * 2 / 3,
        timeout: suspicion * 5 / 3,
        start_deadline: Duration::from_secs(10),
        stop_deadline: Duration::from_secs(10),
        tolerate: 2,
        armed,
    }
}
