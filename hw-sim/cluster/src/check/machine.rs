//! One machine of a checked cluster: power, life, watchdog, disk, and the production cores on it.

use std::hash::Hash;
use std::sync::Arc;

use palisade_agent_core::health::{Answer, CheckConfig, FailKind};
use palisade_agent_core::{AgentConfig, AgentCore, DogConfig};
use palisade_fencer_core::{DurableState, FencerConfig, FencerCore, MemberConfig, Memory};
use palisade_protocol::ids::{BootId, NodeId, Start};
use palisade_protocol::time::{Duration, Instant};
use palisade_protocol::wire::DogClass;

use super::hash::{Mix, fingerprint};
use super::setting::{Setting, TICK};

/// How a machine's BMC behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Bmc {
    /// It obeys at once.
    Works,
    /// It answers nothing.
    Dead,
    /// It acknowledges every command and does nothing.
    Ignores,
    /// It acknowledges at once; the power falls so many ticks later.
    Slow(u8),
    /// It obeys at once; the power comes back by itself so many ticks later.
    Returns(u8),
}

/// A core and its fingerprint, which is taken when it is wanted.
#[derive(Clone, Debug)]
pub(super) struct Process<C> {
    core: Arc<C>,
    print: Option<u64>,
}

impl<C: Clone + Hash> Process<C> {
    fn new(core: C) -> Self {
        Self { core: Arc::new(core), print: None }
    }

    /// The core, to look at.
    pub(super) fn core(&self) -> &C {
        &self.core
    }

    /// Lets the core do something; a core that another state still needs is copied first.
    pub(super) fn work<R>(&mut self, work: impl FnOnce(&mut C) -> R) -> R {
        self.print = None;
        work(Arc::make_mut(&mut self.core))
    }

    fn print(&mut self) -> u64 {
        *self.print.get_or_insert_with(|| fingerprint(&*self.core))
    }
}

/// A BMC session of this machine's fencer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Session {
    pub(super) target: NodeId,
    pub(super) case: u32,
    pub(super) at: Instant,
}

/// One machine.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub(super) id: NodeId,
    pub(super) powered: bool,
    /// Whether it has booted since.
    pub(super) up: bool,
    pub(super) bmc: Bmc,
    pub(super) agent: Option<Process<AgentCore>>,
    pub(super) fencer: Option<Process<FencerCore>>,
    /// Whether this start of the agent has opened the watchdog.
    pub(super) opened: bool,
    /// Until which tick the agent gets no processor.
    pub(super) agent_sleeps: u32,
    /// When the test was made of a pet that the agent was stopped before.
    pub(super) tested_at: Option<Instant>,
    /// Until which tick the fencer gets no processor.
    pub(super) fencer_sleeps: u32,
    /// Until which tick its hypervisor has it paused.
    pub(super) paused: u32,
    /// For how many ticks it was paused: its clock and its dog stood still for so long.
    stood_still: u32,
    /// Whether its service has failed, if it has one.
    pub(super) service_failed: bool,
    /// Whether it gave its lease up, and has not armed its dog since.
    pub(super) gave_up: bool,
    /// When the dog bites, by this machine's clock.
    pub(super) bites_at: Option<Instant>,
    /// What the disk holds.
    pub(super) disk: Option<Arc<DurableState>>,
    /// What the fencer last wanted it to hold.
    pub(super) wanted: Option<Arc<DurableState>>,
    pub(super) sessions: Vec<Session>,
    lives: u32,
    agent_starts: u32,
    fencer_starts: u32,
    /// Counts the starts of the agent and of the fencer: what was meant for an earlier one is void.
    pub(super) runs: u32,
}

impl Machine {
    pub(super) fn new(id: NodeId) -> Self {
        Self {
            id,
            powered: true,
            up: false,
            bmc: Bmc::Works,
            agent: None,
            fencer: None,
            opened: false,
            agent_sleeps: 0,
            tested_at: None,
            fencer_sleeps: 0,
            paused: 0,
            stood_still: 0,
            service_failed: false,
            gave_up: false,
            bites_at: None,
            disk: Some(Arc::new(DurableState::default())),
            wanted: None,
            sessions: Vec::new(),
            lives: 0,
            agent_starts: 0,
            fencer_starts: 0,
            runs: 0,
        }
    }

    /// The life that runs, if one does.
    pub(super) fn running(&self) -> Option<BootId> {
        self.agent.as_ref().map(|_| self.boot_id())
    }

    /// The life that runs and has not given its lease up, if one does.
    pub(super) fn serving(&self) -> Option<BootId> {
        self.running().filter(|_| !self.gave_up)
    }

    /// What its clock shows at `tick`.
    pub(super) fn clock(&self, setting: &Setting, tick: u32) -> Instant {
        setting.clock(self.id, tick.saturating_sub(self.stood_still))
    }

    /// When its clock shows `shown`, in nanoseconds of true time, if it is not paused again.
    pub(super) fn truly(&self, setting: &Setting, shown: Instant) -> u64 {
        setting.truly(self.id, shown) + u64::from(self.stood_still) * TICK_NANOS
    }

    /// Whether its hypervisor has it paused at `tick`.
    pub(super) const fn is_paused(&self, tick: u32) -> bool {
        self.paused > tick
    }

    /// A tick passes: a paused machine does not notice.
    pub(super) const fn tick(&mut self, tick: u32) {
        if self.is_paused(tick) {
            self.stood_still += 1;
        }
    }

    /// Whether its fencer has condemned a life, by what it last wanted to be written.
    pub(super) fn condemns(&self, target: NodeId, boot: BootId) -> bool {
        let state = self.wanted.as_ref().or(self.disk.as_ref());
        let sentences = state.map(|state| state.sentences.as_slice()).unwrap_or_default();
        sentences.iter().any(|sentence| (sentence.target, sentence.boot) == (target, boot))
    }

    /// What its service answers.
    pub(super) const fn answer(&self) -> Answer {
        if self.service_failed { Answer::Failed(FailKind::Error) } else { Answer::Running }
    }

    /// This life, or the last.
    pub(super) fn boot_id(&self) -> BootId {
        BootId(u64::from(self.id.get()) << 32 | u64::from(self.lives))
    }

    /// The process that now sends.
    pub(super) const fn start(&self, member: bool) -> Start {
        let starts = if member { self.agent_starts } else { self.fencer_starts };
        Start::new((self.id.get() as u32) << 24 | (member as u32) << 16 | starts)
    }

    /// Everything stops; the disk keeps what was written.
    pub(super) fn halt(&mut self) {
        self.up = false;
        self.agent = None;
        self.agent_sleeps = 0;
        self.tested_at = None;
        self.bites_at = None;
        self.paused = 0;
        self.service_failed = false;
        self.gave_up = false;
        self.stop_fencer();
    }

    pub(super) fn stop_fencer(&mut self) {
        self.fencer = None;
        self.wanted = None;
        self.fencer_sleeps = 0;
        self.runs += 1;
        self.sessions.clear();
    }

    pub(super) fn boot(&mut self, setting: &Setting, now: Instant) {
        self.up = true;
        self.lives += 1;
        self.agent_starts += 1;
        self.fencer_starts += 1;
        if setting.is_member(self.id) {
            self.start_agent(setting, now);
        }
        if setting.is_voter(self.id) {
            self.start_fencer(setting, now);
        }
    }

    /// A new fencer in the same life.
    pub(super) const fn count_fencer_start(&mut self) {
        self.fencer_starts += 1;
    }

    /// A new agent in the same life.
    pub(super) const fn count_agent_start(&mut self) {
        self.agent_starts += 1;
    }

    pub(super) fn start_agent(&mut self, setting: &Setting, now: Instant) {
        let config = AgentConfig {
            me: self.id,
            boot: self.boot_id(),
            start: self.start(true),
            voters: setting.nodes().filter(|id| setting.is_voter(*id)).collect(),
            timing: setting.timing(),
            dog: DogConfig {
                class: if setting.is_virtual(self.id) {
                    DogClass::Virtual
                } else {
                    DogClass::Physical
                },
                certified: true,
                timeout: setting.fire,
                fire: setting.fire,
                runs: self.bites_at.is_some(),
            },
            check: setting.has_service.then_some(CHECK),
            digest: 1,
        };
        self.opened = false;
        self.tested_at = None;
        self.agent_sleeps = 0;
        self.agent = Some(Process::new(AgentCore::new(config, now)));
    }

    pub(super) fn start_fencer(&mut self, setting: &Setting, now: Instant) {
        let (has_power_device, fire) = (setting.has_power_devices, setting.fire);
        let member = |node| MemberConfig { node, has_power_device, fire };
        let config = FencerConfig {
            me: self.id,
            start: self.start(false),
            voters: setting.nodes().filter(|id| setting.is_voter(*id)).collect(),
            members: setting.nodes().filter(|id| setting.is_member(*id)).map(member).collect(),
            timing: setting.timing(),
            power_on: true,
            fences_per_hour_max: 3,
            fences_at_once_max: 1,
            digest: 1,
        };
        let memory = match &self.disk {
            Some(state) => Memory::Recalled(DurableState::clone(state)),
            None if setting.knows_loss => Memory::Lost,
            None => Memory::Recalled(DurableState::default()),
        };
        self.fencer = Some(Process::new(FencerCore::new(config, now, memory)));
    }

    /// All that decides what this machine does next.
    pub(super) fn print(&mut self, into: &mut Mix) {
        let agent = self.agent.as_mut().map(Process::print);
        let fencer = self.fencer.as_mut().map(Process::print);
        (agent, fencer, self.opened, self.service_failed, self.gave_up).hash(into);
        (self.agent_sleeps, self.tested_at, self.fencer_sleeps).hash(into);
        (self.paused, self.stood_still, self.powered, self.up, self.bmc).hash(into);
        (self.bites_at, &self.disk, &self.sessions).hash(into);
        (self.lives, self.agent_starts, self.fencer_starts, self.runs).hash(into);
    }
}

/// A tick, in nanoseconds.
const TICK_NANOS: u64 = TICK.as_nanos() as u64;

/// A service that is asked every tick, and whose first failure counts.
const CHECK: CheckConfig = CheckConfig {
    every: TICK,
    timeout: TICK,
    start_deadline: Duration::from_secs(1),
    stop_deadline: Duration::from_secs(1),
    tolerate: 0,
    armed: true,
};
