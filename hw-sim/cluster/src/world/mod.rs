//! A whole cluster in virtual time: the production cores among simulated machines, disks, power and
//! links, with real tags on every datagram.
//!
//! Implements no rule of the cores again: it moves bytes, counts time, kills what has no power, and
//! judges each claim against what was really so.

mod judge;
mod machine;
mod network;

use std::collections::BTreeMap;

use palisade_agent_core::Input as AgentInput;
use palisade_agent_core::health::Answer;
use palisade_fencer_core::power::PowerReport;
use palisade_fencer_core::{Input as FencerInput, Memory, OrderId, PowerAct, PowerOrder};
use palisade_protocol::ids::{BootId, LinkId, NodeId, Peer, Role};
use palisade_protocol::quorum::majority;
use palisade_protocol::time::{Duration, Instant};
use palisade_protocol::timing::{Timing, TimingRaw};
use palisade_protocol::wire::{DATAGRAM_MAX, Post, ProofKind};

pub use judge::{Fact, Verdict};
pub use machine::Bmc;
use machine::Machine;
pub use network::Network;

/// How long a datagram is under way.
const FLIGHT: Duration = Duration::from_micros(300);

/// How long a disk takes to write a condemnation.
const FSYNC: Duration = Duration::from_millis(2);

/// How long a BMC takes to answer.
const BMC_ANSWER: Duration = Duration::from_millis(5);

/// From power-on or reset to running daemons.
const BOOT: Duration = Duration::from_millis(800);

/// Shortest time between two turns of an agent that is behind.
const AGENT_TURN_MIN: Duration = Duration::from_millis(1);

/// Redundant links of every world.
const LINKS: u8 = 2;

/// `W` of every machine.
pub const FIRE: Duration = Duration::from_millis(1_000);

/// The timing of every world: profile `lan-fast` with a watchdog of one second.
pub fn timing_raw() -> TimingRaw {
    let raw = TimingRaw::LAN_FAST;
    TimingRaw { promise: raw.smallest_promise(FIRE), ..raw }
}

/// One cluster.
#[derive(Debug)]
pub struct World {
    now: Instant,
    order: u64,
    queue: BTreeMap<(Instant, u64), Happening>,
    machines: Vec<Machine>,
    judge: judge::Judge,
    timing: Timing,
    /// What is cut, and how much is lost.
    pub network: Network,
}

/// What happens at one instant.
#[expect(clippy::large_enum_variant, reason = "nearly all that happens is a datagram's arrival")]
#[derive(Clone, Debug)]
enum Happening {
    Arrive { to: Peer, link: LinkId, bytes: [u8; DATAGRAM_MAX], len: usize },
    AgentTurn { node: NodeId, run: u32 },
    FencerTurn { node: NodeId, run: u32 },
    Written { node: NodeId, run: u32, version: u32, bytes: Vec<u8> },
    BmcAnswers { asker: NodeId, run: u32, order: PowerOrder },
    PowerFalls { node: NodeId },
    Booted { node: NodeId, power: u32 },
    DogBites { node: NodeId, pet: u64 },
}

impl World {
    /// `members` nodes of which the first `voters` run a fencer too, all switched on at the start;
    /// chance comes from `seed` alone.
    ///
    /// # Panics
    /// With counts that no configuration allows.
    pub fn new(members: u8, voters: u8, seed: u64) -> Self {
        let timing = Timing::new(timing_raw(), FIRE);
        let Ok(timing) = timing else { unreachable!("the timing of every world is feasible") };
        let machines = (1..=members).filter_map(NodeId::new);
        let machines: Vec<_> = machines.map(|id| Machine::new(id, id.get() <= voters)).collect();
        let mut world = Self {
            now: Instant::from_millis(1_000),
            order: 0,
            queue: BTreeMap::new(),
            machines,
            judge: judge::Judge::default(),
            timing,
            network: Network::new(seed),
        };
        for id in (1..=members).filter_map(NodeId::new) {
            world.power_on(id);
        }
        world
    }

    /// The virtual time.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Lets `span` pass.
    pub fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= end) {
            let ((at, _), happening) = entry.remove_entry();
            self.now = at;
            self.happen(happening);
        }
        self.now = end;
    }

    /// Lets time pass until `fact` is noted, for at most `span`; when it was.
    pub fn run_until(&mut self, span: Duration, fact: impl Fn(&Fact) -> bool) -> Option<Instant> {
        let end = self.now + span;
        let mut seen = self.judge.facts().len();
        while self.now < end {
            let next = self.queue.first_key_value().map_or(end, |((at, _), _)| *at).min(end);
            self.run_for(self.now.until(next));
            let fresh = self.judge.facts().get(seen..).unwrap_or_default();
            if let Some((at, _)) = fresh.iter().find(|(_, noted)| fact(noted)) {
                return Some(*at);
            }
            seen = self.judge.facts().len();
        }
        None
    }

    /// All that was noted so far, with its time.
    pub fn facts(&self) -> &[(Instant, Fact)] {
        self.judge.facts()
    }

    /// Whether every promise has held so far, and which has not.
    pub fn verdict(&self) -> &Verdict {
        self.judge.verdict()
    }

    /// Pulls the plug of a node: everything on it stops at once.
    pub fn kill(&mut self, node: NodeId) {
        self.machine(node).bmc.cut();
        self.power_off(node);
    }

    /// A human presses the power button of a node that is off.
    pub fn press_power(&mut self, node: NodeId) {
        if !self.machine(node).powered {
            self.power_on(node);
        }
    }

    /// Stops the agent of a node where it stands; its watchdog goes on.
    pub fn freeze_agent(&mut self, node: NodeId) {
        self.machine(node).agent_frozen = true;
    }

    /// Lets the agent of a node go on where it stood.
    pub fn thaw_agent(&mut self, node: NodeId) {
        self.machine(node).agent_frozen = false;
    }

    /// Stops the fencer of a node; its disk keeps what was written.
    pub fn kill_fencer(&mut self, node: NodeId) {
        self.machine(node).stop_fencer();
    }

    /// Starts the fencer of a node again, with what its disk kept, or with nothing.
    pub fn start_fencer(&mut self, node: NodeId, memory_kept: bool) {
        if !memory_kept {
            self.machine(node).disk = None;
        }
        self.boot_fencer(node);
    }

    /// Sets how a node's BMC behaves.
    pub fn set_bmc(&mut self, node: NodeId, bmc: Bmc) {
        self.machine(node).bmc = bmc;
    }

    /// Sets what the service of a node answers; none disarms its check.
    pub fn set_service(&mut self, node: NodeId, answer: Option<Answer>) {
        self.machine(node).service = answer;
        if let Some(now_armed) = self.machine(node).agent.as_ref().map(|_| answer.is_some()) {
            let input = if now_armed { AgentInput::ArmCheck } else { AgentInput::DisarmCheck };
            self.tell_agent(node, input);
        }
    }

    /// An operator orders or confirms something at the fencer of `at`.
    pub fn operator(&mut self, at: NodeId, input: FencerInput) {
        self.tell_fencer(at, input);
    }

    /// Tells the agent of a node to leave.
    pub fn leave(&mut self, node: NodeId) {
        self.tell_agent(node, AgentInput::Leave);
    }

    /// Whether a node runs.
    pub fn is_running(&self, node: NodeId) -> bool {
        self.machines.iter().any(|machine| machine.id == node && machine.is_running())
    }

    /// Whether a node has power.
    pub fn is_powered(&self, node: NodeId) -> bool {
        self.machines.iter().any(|machine| machine.id == node && machine.powered)
    }

    /// Whether a node runs and may be petted now.
    pub fn is_serving(&self, node: NodeId) -> bool {
        let serving = |machine: &Machine| {
            machine.agent.as_ref().is_some_and(|agent| agent.pet_decision(self.now).is_ok())
        };
        self.machines.iter().any(|machine| machine.id == node && serving(machine))
    }

    /// How often a node's power was cut by a BMC.
    pub fn power_cuts(&self, node: NodeId) -> usize {
        self.machines.iter().find(|machine| machine.id == node).map_or(0, |m| m.cuts)
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Arrive { to, link, bytes, len } => {
                self.arrive(to, link, bytes.get(..len).unwrap_or_default());
            }
            Happening::AgentTurn { node, run } => {
                if self.machine(node).agent_run == run {
                    self.tell_agent(node, AgentInput::Tick);
                    self.pet(node);
                    self.next_agent_turn(node);
                }
            }
            Happening::FencerTurn { node, run } => {
                if self.machine(node).fencer_run == run {
                    self.tell_fencer(node, FencerInput::Tick);
                    self.next_fencer_turn(node);
                }
            }
            Happening::Written { node, run, version, bytes } => {
                if self.machine(node).fencer_run == run {
                    self.machine(node).write(bytes);
                    self.tell_fencer(node, FencerInput::Durable { version });
                }
            }
            Happening::BmcAnswers { asker, run, order } => self.bmc_answers(asker, run, order),
            Happening::PowerFalls { node } => self.power_falls(node),
            Happening::Booted { node, power } => self.booted(node, power),
            Happening::DogBites { node, pet } => self.dog_bites(node, pet),
        }
    }

    fn arrive(&mut self, to: Peer, link: LinkId, bytes: &[u8]) {
        let machine = self.machine(to.node);
        let postbox = match to.role {
            Role::Member if machine.agent_frozen => return,
            Role::Member => machine.agent_box.as_mut(),
            Role::Voter => machine.fencer_box.as_mut(),
        };
        let Some(Ok(frame)) = postbox.map(|postbox| postbox.open(link, bytes)) else { return };
        match to.role {
            Role::Member => self.tell_agent(to.node, AgentInput::Heard(frame)),
            Role::Voter => self.tell_fencer(to.node, FencerInput::Heard(frame)),
        }
    }

    fn tell_agent(&mut self, node: NodeId, input: AgentInput) {
        let now = self.now;
        let machine = self.machine(node);
        if machine.agent_frozen {
            return;
        }
        let Some(agent) = &mut machine.agent else { return };
        let effects = agent.handle(now, input);
        let asked = effects.probe.then_some(machine.service).flatten();
        if effects.disarm {
            machine.pets = machine.pets.wrapping_add(1);
            machine.armed = false;
        }
        if let Some(reason) = effects.fence_self {
            self.judge.note(now, Fact::FencedSelf { node, reason });
            self.reset(node);
            return;
        }
        self.post_all(Peer::member(node), &effects.posts);
        for news in &effects.news {
            self.judge.note(now, Fact::Agent { node, news: *news });
        }
        if let Some(answer) = asked {
            let report = palisade_agent_core::ProbeReport { asked_at: now, answer };
            self.tell_agent(node, AgentInput::Probe(report));
        }
    }

    /// What the daemon does at each turn: ask, pet, tell.
    fn pet(&mut self, node: NodeId) {
        let now = self.now;
        let machine = self.machine(node);
        if machine.agent_frozen {
            return;
        }
        let Some(Ok(permit)) = machine.agent.as_ref().map(|agent| agent.pet_decision(now)) else {
            return;
        };
        machine.pets = machine.pets.wrapping_add(1);
        let (pet, was_armed) = (machine.pets, machine.armed);
        machine.armed = true;
        self.at(now + FIRE, Happening::DogBites { node, pet });
        self.tell_agent(
            node,
            if was_armed {
                AgentInput::Petted { permit, done_at: now }
            } else {
                AgentInput::Armed { permit, done_at: now }
            },
        );
    }

    fn tell_fencer(&mut self, node: NodeId, input: FencerInput) {
        let now = self.now;
        let machine = self.machine(node);
        let run = machine.fencer_run;
        let Some(fencer) = &mut machine.fencer else { return };
        let effects = fencer.handle(now, input);
        self.post_all(Peer::voter(node), &effects.posts);
        if let Some(state) = effects.persist {
            let mut bytes = [0; palisade_fencer_core::durable::DURABLE_MAX];
            let len = state.encode(&mut bytes);
            let bytes = bytes.get(..len).unwrap_or_default().to_vec();
            let version = state.version;
            self.at(now + FSYNC, Happening::Written { node, run, version, bytes });
        }
        for order in &effects.orders {
            self.obey(node, *order);
        }
        for news in &effects.news {
            self.judge.note(now, Fact::Fencer { node, news: *news });
        }
        for proof in effects.proofs {
            let running = self.machine(proof.target()).running_boot();
            self.judge.proven(now, node, &proof, running);
        }
    }

    /// What the power engine does with an order: pulls the warrant, sends, waits for the answer.
    fn obey(&mut self, asker: NodeId, order: PowerOrder) {
        let now = self.now;
        let run = self.machine(asker).fencer_run;
        let target = order.id.target;
        if order.act != PowerAct::Read {
            let warrant = self.machine(asker).fencer.as_mut().map(|f| f.warrant(now, order.id));
            let Some(Ok(warrant)) = warrant else {
                return self.report(asker, run, order.id, PowerReport::Failed);
            };
            let running = self.machine(target).running_boot();
            let condemned = self.is_condemned_by_majority(target, warrant.boot());
            self.judge.commanded(now, asker, &warrant, (running, condemned));
            if self.machine(target).bmc.is_alive() {
                self.machine(asker).opened_session(order.id.case, now);
                self.command(target, order.act);
            }
        }
        self.at(now + BMC_ANSWER, Happening::BmcAnswers { asker, run, order });
    }

    /// What the disks say, whatever any fencer believes.
    fn is_condemned_by_majority(&self, target: NodeId, boot: BootId) -> bool {
        let voters = self.machines.iter().filter(|machine| machine.votes).count();
        let condemned = |machine: &&Machine| machine.has_condemned(target, boot);
        self.machines.iter().filter(condemned).count() >= majority(voters)
    }

    fn command(&mut self, target: NodeId, act: PowerAct) {
        match (act, self.machine(target).bmc) {
            (PowerAct::Off, Bmc::Works { off_latency }) => {
                self.at(self.now + off_latency, Happening::PowerFalls { node: target });
            }
            (PowerAct::On, Bmc::Works { .. }) if !self.machine(target).powered => {
                self.power_on(target);
            }
            (PowerAct::Off | PowerAct::On | PowerAct::Read, _) => {}
        }
    }

    fn bmc_answers(&mut self, asker: NodeId, run: u32, order: PowerOrder) {
        let now = self.now;
        let target = self.machine(order.id.target);
        let (alive, on) = (target.bmc.is_alive(), target.powered);
        let session = self.machine(asker).session(order.id.case);
        let report = match (session.filter(|_| alive), order.act) {
            (None, _) => PowerReport::Failed,
            (Some(session_at), PowerAct::Read) => {
                PowerReport::Read { session_at, asked_at: now.before(BMC_ANSWER), on }
            }
            (Some(session_at), PowerAct::Off | PowerAct::On) => PowerReport::Acked { session_at },
        };
        self.report(asker, run, order.id, report);
    }

    fn report(&mut self, asker: NodeId, run: u32, order: OrderId, report: PowerReport) {
        if self.machine(asker).fencer_run == run {
            self.tell_fencer(asker, FencerInput::Power { order, report });
        }
    }

    fn power_falls(&mut self, node: NodeId) {
        if self.machine(node).powered {
            self.machine(node).cuts += 1;
            self.power_off(node);
        }
    }

    fn power_off(&mut self, node: NodeId) {
        let now = self.now;
        self.machine(node).halt();
        self.machine(node).powered = false;
        self.judge.note(now, Fact::PoweredOff { node });
    }

    fn power_on(&mut self, node: NodeId) {
        let power = self.machine(node).power_up();
        self.at(self.now + BOOT, Happening::Booted { node, power });
    }

    fn reset(&mut self, node: NodeId) {
        self.machine(node).halt();
        self.power_on(node);
    }

    fn dog_bites(&mut self, node: NodeId, pet: u64) {
        let now = self.now;
        let machine = self.machine(node);
        if machine.armed && machine.pets == pet {
            self.judge.note(now, Fact::Bitten { node });
            self.reset(node);
        }
    }

    fn booted(&mut self, node: NodeId, power: u32) {
        if self.machine(node).power_run != power || !self.machine(node).powered {
            return;
        }
        let (now, timing, ids) = (self.now, self.timing, self.ids());
        self.machine(node).boot_agent(now, timing, &ids);
        self.next_agent_turn(node);
        if self.machine(node).votes {
            self.boot_fencer(node);
        }
    }

    fn boot_fencer(&mut self, node: NodeId) {
        let (now, timing, ids) = (self.now, self.timing, self.ids());
        let memory = self.machine(node).recall().map_or(Memory::Lost, Memory::Recalled);
        self.machine(node).boot_fencer(now, timing, &ids, memory);
        if self.machine(node).disk.is_none() {
            self.machine(node).disk = Some(Vec::new());
        }
        self.next_fencer_turn(node);
    }

    fn next_agent_turn(&mut self, node: NodeId) {
        let machine = self.machine(node);
        let run = machine.agent_run;
        let Some(at) = machine.agent.as_ref().map(|agent| agent.next_deadline()) else { return };
        let at = at.max(self.now + AGENT_TURN_MIN);
        self.at(at, Happening::AgentTurn { node, run });
    }

    fn next_fencer_turn(&mut self, node: NodeId) {
        let machine = self.machine(node);
        let run = machine.fencer_run;
        let Some(at) = machine.fencer.as_ref().map(|fencer| fencer.next_deadline()) else { return };
        let at = at.max(self.now + Duration::from_millis(1));
        self.at(at, Happening::FencerTurn { node, run });
    }

    fn post_all(&mut self, from: Peer, posts: &[Post]) {
        for post in posts {
            for link in (0..LINKS).filter_map(LinkId::new) {
                if !self.network.carries(from.node, post.dst.node, link) {
                    continue;
                }
                let machine = self.machine(from.node);
                let postbox = match from.role {
                    Role::Member => machine.agent_box.as_ref(),
                    Role::Voter => machine.fencer_box.as_ref(),
                };
                let mut bytes = [0; DATAGRAM_MAX];
                let Some(len) = postbox.map(|postbox| postbox.seal(post, link, &mut bytes)) else {
                    continue;
                };
                let to = post.dst;
                self.at(self.now + FLIGHT, Happening::Arrive { to, link, bytes, len });
            }
        }
    }

    fn at(&mut self, at: Instant, happening: Happening) {
        self.order += 1;
        self.queue.insert((at, self.order), happening);
    }

    fn ids(&self) -> machine::Ids {
        machine::Ids {
            members: self.machines.iter().map(|machine| machine.id).collect(),
            voters: self.machines.iter().filter(|m| m.votes).map(|machine| machine.id).collect(),
        }
    }

    fn machine(&mut self, node: NodeId) -> &mut Machine {
        let found = self.machines.iter_mut().find(|machine| machine.id == node);
        let Some(machine) = found else { unreachable!("every node of a world is one of its own") };
        machine
    }
}

/// The node numbered `id`.
///
/// # Panics
/// If there can be none of that number.
pub fn node(id: u8) -> NodeId {
    let Some(node) = NodeId::new(id) else { unreachable!("stories name nodes from 1") };
    node
}

/// Whether `fact` is the fencing of `node` by `proof`, known to the fencer of `by`.
pub fn is_fenced(fact: &Fact, by: NodeId, target: NodeId, proof: ProofKind) -> bool {
    matches!(fact, Fact::Proven { by: knows, target: whose, kind }
        if (*knows, *whose, *kind) == (by, target, proof))
}
