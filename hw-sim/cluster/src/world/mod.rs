//! A whole cluster in virtual time: the production cores among simulated machines, clocks, disks,
//! power and links, with real tags on every datagram.
//!
//! Implements no rule of the cores again: it moves bytes, counts time, kills what has no power, and
//! judges each claim against what was really so.

mod chance;
mod clock;
mod daemons;
mod disk;
mod faults;
mod judge;
mod keys;
mod machine;
mod network;
mod posting;
mod power;
mod queue;
mod service;
mod shape;
#[cfg(test)]
mod tests;
mod watch;

use palisade_fencer_core::{Effects, Input as FencerInput};
use palisade_protocol::ids::{BootId, LinkId, NodeId};
use palisade_protocol::time::{Duration, Instant};
use palisade_protocol::timing::{Timing, TimingRaw};
use palisade_protocol::wire::ProofKind;

pub use chance::Chance;
pub use judge::{Checks, Fact, Verdict};
pub use machine::Bmc;
use machine::Machine;
pub use network::Network;
use queue::{Asked, Happening, Letter, Mail, Queue};
pub use shape::Shape;
pub use watch::{Event, Watch};

/// How long a datagram is under way in the stories' worlds.
const FLIGHT: Duration = Duration::from_micros(300);

/// How long a BMC takes to answer.
const BMC_ANSWER: Duration = Duration::from_millis(5);

/// Shortest time between two turns of a daemon that is behind.
const TURN_MIN: Duration = Duration::from_millis(1);

/// What waits for a process that stands still is tried again after this.
const STILL_RETRY: Duration = Duration::from_millis(5);

/// Redundant links of the stories' worlds.
const LINKS: u8 = 2;

/// `W` of every machine of the stories' worlds.
pub const FIRE: Duration = Duration::from_millis(1_000);

/// The timing of the stories' worlds: profile `lan-fast` with a watchdog of one second.
pub fn timing_raw() -> TimingRaw {
    let raw = TimingRaw::LAN_FAST;
    TimingRaw { promise: raw.smallest_promise(FIRE), ..raw }
}

/// The links of the stories' worlds.
pub fn links() -> impl Iterator<Item = LinkId> {
    (0..LINKS).filter_map(LinkId::new)
}

/// One cluster.
#[derive(Debug)]
pub struct World {
    now: Instant,
    queue: Queue,
    mail: Mail,
    machines: Vec<Machine>,
    judge: judge::Judge,
    timing: Timing,
    shape: Shape,
    chance: Chance,
    asked: Vec<Asked>,
    /// Places for what fencers want done: one is enough unless a report follows on the spot.
    effects: Vec<Box<Effects>>,
    recorded: Vec<Letter>,
    records: bool,
    /// Whether the datagram at hand is too old to decide anything.
    is_stale: bool,
    /// Which life owns the shared disk.
    owner: Option<(NodeId, BootId)>,
    events: u64,
    trace: u64,
    watch: Option<Box<dyn Watch>>,
    /// Whoever watched has seen enough: nothing happens any more.
    is_over: bool,
    /// What is cut, and how much is lost.
    pub network: Network,
}

impl World {
    /// `members` nodes of which the first `voters` run a fencer too, all switched on at the start;
    /// chance comes from `seed` alone.
    ///
    /// # Panics
    /// With counts that no configuration allows.
    pub fn new(members: u8, voters: u8, seed: u64) -> Self {
        Self::of(Shape::plain(members, voters, seed))
    }

    /// A world of this shape, all machines switched on at the start.
    ///
    /// # Panics
    /// With counts that no configuration allows.
    pub fn of(shape: Shape) -> Self {
        let timing = Timing::new(shape.raw, shape.fire);
        let Ok(timing) = timing else { unreachable!("the timing of every world is feasible") };
        let machines = shape.nodes().map(|id| Machine::new(id, &shape)).collect();
        let nodes: Vec<_> = shape.nodes().collect();
        let mut world = Self {
            now: Instant::from_millis(1_000),
            queue: Queue::default(),
            mail: Mail::default(),
            machines,
            judge: judge::Judge::default(),
            timing,
            network: Network::new(&shape),
            chance: Chance::new(shape.seed),
            shape,
            asked: Vec::new(),
            effects: Vec::new(),
            recorded: Vec::new(),
            records: false,
            is_stale: false,
            owner: None,
            events: 0,
            trace: 0xcbf2_9ce4_8422_2325,
            watch: None,
            is_over: false,
        };
        for id in nodes {
            world.power_on(id);
        }
        world
    }

    /// The virtual time.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// What it is made of.
    pub const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// How much has happened.
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// A digest of all that has happened, every bit of every datagram and the time of each.
    pub const fn trace_hash(&self) -> u64 {
        self.trace
    }

    /// How often each promise was judged.
    pub const fn checks(&self) -> &Checks {
        &self.judge.checks
    }

    /// Lets `span` pass.
    pub fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        while !self.is_over
            && let Some((at, happening)) = self.queue.next(end)
        {
            self.now = at;
            match self.watch.take() {
                None => self.happen(happening),
                Some(watch) => self.happen_watched(happening, watch),
            }
        }
        self.now = end;
    }

    /// Lets time pass until `fact` is noted, for at most `span`; when it was.
    pub fn run_until(&mut self, span: Duration, fact: impl Fn(&Fact) -> bool) -> Option<Instant> {
        let end = self.now + span;
        let mut seen = self.judge.facts().len();
        while self.now < end && !self.is_over {
            let next = self.queue.next_at().map_or(end, |at| at.min(end));
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

    /// Somebody outside has judged a promise too.
    pub fn judge(&mut self, promise: &'static str, broken: Option<String>) {
        let checks = &mut self.judge.checks;
        match promise {
            "S5" => checks.s5 += 1,
            "L1" => checks.l1 += 1,
            "L2" => checks.l2 += 1,
            _ => {}
        }
        if let Some(why) = broken {
            self.judge.broken(promise, self.now, why);
        }
    }

    /// Whether a node runs.
    pub fn is_running(&self, node: NodeId) -> bool {
        self.looks(node, Machine::is_running)
    }

    /// Whether a node has power.
    pub fn is_powered(&self, node: NodeId) -> bool {
        self.looks(node, |machine| machine.powered)
    }

    /// Whether a node runs and may be petted now.
    pub fn is_serving(&self, node: NodeId) -> bool {
        self.looks(node, |machine| {
            let now = machine.local(self.now);
            let core = machine.agent.core.as_ref();
            !machine.is_still() && core.is_some_and(|agent| agent.pet_decision(now).is_ok())
        })
    }

    /// Whether a node is served, and would be without any one of its voters.
    pub fn is_served_by_all(&self, node: NodeId) -> bool {
        let by_all = |machine: &Machine| {
            let core = machine.agent.core.as_ref();
            core.is_some_and(|agent| {
                agent.voters().all(|voter| voter.granted_at.is_some() && voter.withheld.is_none())
            })
        };
        self.is_serving(node) && self.looks(node, by_all)
    }

    /// Whether the fencer of a node runs and is past its hold.
    pub fn is_voting(&self, node: NodeId) -> bool {
        self.looks(node, |machine| {
            let now = machine.local(self.now);
            let core = machine.fencer.core.as_ref();
            !machine.is_still()
                && !machine.fencer.frozen
                && core.is_some_and(|fencer| !fencer.is_holding(now))
        })
    }

    /// Whether the kernel of a node hangs.
    pub fn is_hung(&self, node: NodeId) -> bool {
        self.looks(node, |machine| machine.hung)
    }

    /// Whether no fencer that runs has a case open.
    pub fn is_calm(&self) -> bool {
        let cases =
            |machine: &Machine| machine.fencer.core.as_ref().map_or(0, |f| f.cases().count());
        self.machines.iter().map(cases).sum::<usize>() == 0
    }

    /// Whether the agent of a node has left.
    pub fn has_left(&self, node: NodeId) -> bool {
        use palisade_agent_core::Phase;
        self.looks(node, |machine| {
            let core = machine.agent.core.as_ref();
            core.is_some_and(|agent| matches!(agent.phase(), Phase::Leaving | Phase::Left))
        })
    }

    /// Whether a process of a node that should run does not.
    pub fn lacks_daemon(&self, node: NodeId) -> (bool, bool) {
        let lacks_agent = |m: &Machine| m.booted && m.is_member && m.agent.core.is_none();
        let lacks_fencer = |m: &Machine| m.booted && m.votes && m.fencer.core.is_none();
        (self.looks(node, lacks_agent), self.looks(node, lacks_fencer))
    }

    /// Whether the watchdog of a node runs.
    pub fn is_armed(&self, node: NodeId) -> bool {
        self.looks(node, |machine| machine.armed)
    }

    /// Whether nothing on a node moves, though it has power.
    pub fn is_still(&self, node: NodeId) -> bool {
        self.looks(node, Machine::is_still)
    }

    /// Whether a command that is typed at a node is obeyed: nothing there stands still that it needs.
    pub fn heeds(&self, node: NodeId) -> bool {
        !self.looks(node, |machine| machine.is_still() || machine.agent.frozen)
    }

    /// How often a node's power was cut by a BMC.
    pub fn power_cuts(&self, node: NodeId) -> usize {
        self.machines.iter().find(|machine| machine.id == node).map_or(0, |m| m.cuts)
    }

    /// The node whose service owns the shared disk.
    pub fn owner(&self) -> Option<NodeId> {
        self.owner.map(|(node, _)| node)
    }

    /// An operator orders or confirms something at the fencer of `at`.
    pub fn operator(&mut self, at: NodeId, input: FencerInput) {
        if !self.machine(at).is_still() && !self.machine(at).fencer.frozen {
            self.tell_fencer(at, input);
        }
    }

    fn happen(&mut self, happening: Happening) {
        self.events += 1;
        self.mix(self.now.as_nanos() ^ happening.code().rotate_left(48));
        match happening {
            Happening::Arrive { letter } => self.arrive(letter),
            Happening::AgentTurn { node } => self.agent_turn(node),
            Happening::FencerTurn { node } => self.fencer_turn(node),
            Happening::PetLands { node, run } => self.pet_lands(node, run),
            Happening::Written { node, run } => self.written(node, run),
            Happening::BmcAnswers { asker, run, order } => self.bmc_answers(asker, run, order),
            Happening::PowerFalls { node, cut } => self.power_falls(node, cut),
            Happening::PowerReturns { node, power } => self.power_returns(node, power),
            Happening::Booted { node, power } => self.booted(node, power),
            Happening::DogBites { node, pet } => self.dog_bites(node, pet),
            Happening::SelfFenced { node, run } => self.self_fenced(node, run),
            Happening::AgentGoesOn { node, run } => self.agent_goes_on(node, run),
            Happening::FencerGoesOn { node, run } => self.fencer_goes_on(node, run),
            Happening::MachineGoesOn { node, power } => self.machine_goes_on(node, power),
            Happening::AgentStarts { node, run } => self.agent_starts(node, run),
            Happening::FencerStarts { node, run, memory_kept } => {
                self.fencer_starts(node, run, memory_kept);
            }
            Happening::Replay { left } => self.replay_one(left),
        }
    }

    fn mix(&mut self, what: u64) {
        self.trace = (self.trace.rotate_left(5) ^ what).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn at(&mut self, at: Instant, happening: Happening) {
        self.queue.at(at, happening);
    }

    fn after(&mut self, span: Duration, happening: Happening) {
        self.queue.at(self.now + span, happening);
    }

    fn note(&mut self, fact: Fact) {
        self.judge.note(self.now, fact);
    }

    fn machine(&mut self, node: NodeId) -> &mut Machine {
        let Some(machine) = self.machines.get_mut(usize::from(node.get()) - 1) else {
            unreachable!("every node of a world is one of its own")
        };
        machine
    }

    fn looks(&self, node: NodeId, so: impl Fn(&Machine) -> bool) -> bool {
        self.machines.get(usize::from(node.get()) - 1).is_some_and(so)
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
    matches!(fact, Fact::Proven { by: knows, target: whose, kind, .. }
        if (*knows, *whose, *kind) == (by, target, proof))
}
