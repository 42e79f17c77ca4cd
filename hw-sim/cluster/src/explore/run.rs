//! One run: a world drawn from a seed, what is done to it, what must be so at the end.

use std::collections::BTreeMap;

use palisade_protocol::ids::NodeId;
use palisade_protocol::time::{Duration, Instant};

use super::fault::{FAULTS, Fault};
use super::gentle;
use crate::world::{Bmc, Chance, Checks, FIRE, Fact, Shape, Verdict, World, timing_raw};

/// From power-on of everything to everybody served: the longest hold of a voter that has forgotten,
/// and the watchdogs that may be armed.
const COLD_START_MAX: Duration = Duration::from_secs(15);

/// From the end of all faults to everybody served and nothing left to do: a machine may still fall
/// for 20 s from an Off that was sent, twice if it was fenced again meanwhile, and then boots.
const HEAL_MAX: Duration = Duration::from_secs(75);

/// Between two looks at whether all is well.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What the BMC of a machine takes to switch off at the end.
const OFF_LATENCY: Duration = Duration::from_millis(200);

/// For the disks and the BMC's answers on the way to a proof.
const DEVICES: Duration = Duration::from_millis(60);

/// How long a proof that must not come is waited for.
const NO_PROOF: Duration = Duration::from_secs(5);

/// What is asked of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How many members; drawn if none is asked for.
    pub nodes: Option<u8>,
    /// How many voters; drawn if none is asked for.
    pub voters: Option<u8>,
}

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// Happenings.
    pub events: u64,
    /// Virtual time.
    pub lasted: Duration,
    /// Digest of all that happened.
    pub hash: u64,
    /// Faults by kind.
    pub faults: BTreeMap<String, u64>,
    /// Promises judged.
    pub checks: Checks,
    /// The longest that healing took.
    pub healed_in: Duration,
    /// What was broken.
    pub verdict: Verdict,
}

/// Runs the world of `seed` to its end.
pub fn run(seed: u64, options: Options) -> (Report, World) {
    let mut chance = Chance::new(seed);
    let world = World::of(shape(seed, options, &mut chance));
    let began = world.now();
    let mut run = Run { world, chance, faults: BTreeMap::new(), healed_in: Duration::ZERO };
    run.tell();
    let Run { world, faults, healed_in, .. } = run;
    let report = Report {
        seed,
        events: world.events(),
        lasted: world.now().since(began),
        hash: world.trace_hash(),
        faults,
        checks: *world.checks(),
        healed_in,
        verdict: world.verdict().clone(),
    };
    (report, world)
}

/// The machines of a run. Small ones are the common case.
fn shape(seed: u64, options: Options, chance: &mut Chance) -> Shape {
    let members = chance.pick(&[2, 2, 3, 3, 3, 4, 5]).unwrap_or(3);
    let voters = chance.pick(&[3, 3, 3, 5]).unwrap_or(3);
    let members = options.nodes.unwrap_or(members);
    let mut shape = Shape::plain(members, options.voters.unwrap_or(voters), seed);
    shape.drift_ppm = chance.pick(&[0, 500, 500]).unwrap_or(0);
    shape.has_service = true;
    shape.disks_known = chance.below(4) > 0;
    shape.self_fence = chance.span(timing_raw().stall);
    shape.boot = Duration::from_millis(chance.pick(&[800, 800, 3_000]).unwrap_or(800));
    shape.fences_per_hour_max = u8::MAX;
    if chance.below(3) == 0 {
        shape.virtual_nodes = shape.nodes().filter(|_| chance.below(2) == 0).collect();
    }
    shape
}

struct Run {
    world: World,
    chance: Chance,
    faults: BTreeMap<String, u64>,
    healed_in: Duration,
}

impl Run {
    fn tell(&mut self) {
        self.all_well_within(COLD_START_MAX, "after a cold start");
        if self.chance.below(6) == 0 {
            let (_, hurt) = gentle::strike(&mut self.world, &mut self.chance);
            self.count("gentle");
            self.world.judge("S5", hurt);
        } else {
            self.strike();
        }
        self.heal();
        self.all_well_within(HEAL_MAX, "after all faults have ended");
        self.break_for_good();
    }

    /// Faults of a few kinds: a run that does everything finds less than one that does two things
    /// often.
    fn strike(&mut self) {
        let kinds = self.kinds();
        for _ in 0..self.chance.below(9) + 1 {
            if *self.world.verdict() != Verdict::Held {
                return;
            }
            if let Some(fault) = self.chance.pick(&kinds)
                && let Some(what) = fault.strike(&mut self.world, &mut self.chance)
            {
                self.world.struck(what);
                self.count(&format!("{fault:?}"));
            }
            let most = self.chance.pick(&[50, 600, 2_500]).unwrap_or(600);
            self.world.run_for(Duration::from_millis(self.chance.below(most)));
        }
        self.world.run_for(self.chance.span(Duration::from_secs(2)));
    }

    fn kinds(&mut self) -> Vec<Fault> {
        let few = self.chance.below(4) + 1;
        match self.chance.below(3) {
            0 => (0..few).filter_map(|_| self.chance.pick(&FAULTS)).collect(),
            1 => (0..few + 4).filter_map(|_| self.chance.pick(&FAULTS)).collect(),
            _ => FAULTS.iter().copied().filter(|_| self.chance.below(2) == 0).collect(),
        }
    }

    /// Every fault ends; whatever is off or dead is started.
    fn heal(&mut self) {
        self.world.struck("all faults end".to_owned());
        self.world.network.heal();
        self.world.record(false);
        for node in self.world.shape().nodes().collect::<Vec<_>>() {
            self.mend(node);
        }
    }

    fn mend(&mut self, node: NodeId) {
        let world = &mut self.world;
        world.set_bmc(node, Bmc::Works { off_latency: OFF_LATENCY });
        world.mend_disk(node);
        world.thaw_agent(node);
        world.thaw_fencer(node);
        if world.is_hung(node) {
            world.reboot(node);
        }
        world.press_power(node);
        let (agent, fencer) = world.lacks_daemon(node);
        if agent || world.has_left(node) {
            world.restart_agent(node, Duration::ZERO);
        }
        if fencer {
            world.start_fencer(node, true);
        }
    }

    /// L2: everybody is served again in time, with no operator.
    fn all_well_within(&mut self, span: Duration, when: &str) {
        if *self.world.verdict() != Verdict::Held {
            return;
        }
        let began = self.world.now();
        while !self.is_all_well() && self.world.now().since(began) < span {
            self.world.run_for(LOOK_EVERY);
        }
        let took = self.world.now().since(began);
        self.healed_in = self.healed_in.max(took);
        let ill = (!self.is_all_well()).then(|| format!("{when}: {}", self.illness()));
        self.world.judge("L2", ill);
    }

    fn is_all_well(&self) -> bool {
        let world = &self.world;
        world.shape().member_nodes().all(|node| world.is_serving(node) && world.is_armed(node))
            && world.shape().voter_nodes().all(|node| world.is_voting(node))
            && world.is_calm()
            && world.owner().is_some_and(|owner| world.is_serving(owner))
    }

    fn illness(&self) -> String {
        let world = &self.world;
        let named = |nodes: Vec<NodeId>| {
            nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        let idle = world.shape().member_nodes().filter(|node| !world.is_serving(*node)).collect();
        let mute = world.shape().voter_nodes().filter(|node| !world.is_voting(*node)).collect();
        format!(
            "not served: [{}], not voting: [{}], calm: {}, owner: {:?}",
            named(idle),
            named(mute),
            world.is_calm(),
            world.owner()
        )
    }

    /// L1: one node is broken for good, and proven so in time; nobody else is touched.
    fn break_for_good(&mut self) {
        if *self.world.verdict() != Verdict::Held {
            return;
        }
        self.world.run_for(timing_raw().warrant);
        self.all_well_within(HEAL_MAX, "after all faults have ended, and once more");
        if *self.world.verdict() != Verdict::Held {
            return;
        }
        let members: Vec<_> = self.world.shape().member_nodes().collect();
        let Some(target) = self.chance.pick(&members) else { return };
        let owned = self.world.owner() == Some(target);
        let (what, bound) = self.break_one(target);
        self.world.struck(what.to_owned());
        self.count(what);
        let (began, seen) = (self.world.now(), self.world.facts().len());
        let span = bound.unwrap_or(NO_PROOF);
        let proven =
            |fact: &Fact| matches!(fact, Fact::Proven { target: whose, .. } if *whose == target);
        let at = self.world.run_until(span + LOOK_EVERY * 4, proven);
        self.world.run_for(LOOK_EVERY * 4);
        let fault = self.judged(target, bound, at.map(|at| at.since(began)), seen);
        let stranded = (owned && at.is_some() && self.world.owner() == Some(target))
            .then(|| format!("{target} is proven dead, and nobody takes its service over"));
        self.world.judge("L1", fault.or(stranded).map(|why| format!("{what}: {why}")));
    }

    fn break_one(&mut self, target: NodeId) -> (&'static str, Option<Duration>) {
        let raw = timing_raw();
        let off = raw.suspect_after + 3 * raw.beat + 2 * raw.rtt + raw.off_confirm;
        let off = off + OFF_LATENCY + DEVICES;
        let lease = (raw.promise + 2 * raw.beat).max(FIRE) + DEVICES;
        let is_virtual = self.world.shape().virtual_nodes.contains(&target);
        let nodes: Vec<_> = self.world.shape().nodes().collect();
        match self.chance.below(4) {
            0 => {
                self.world.kill(target);
                ("last: power lost", Some(off))
            }
            1 => {
                self.world.hang(target);
                ("last: kernel hangs", Some(off))
            }
            2 => {
                self.world.network.isolate(target, &nodes);
                ("last: cut off", Some(off))
            }
            _ => {
                self.world.set_bmc(target, Bmc::Dead);
                self.world.kill(target);
                ("last: power and BMC lost", (!is_virtual).then_some(lease))
            }
        }
    }

    fn judged(
        &self,
        target: NodeId,
        bound: Option<Duration>,
        took: Option<Duration>,
        seen: usize,
    ) -> Option<String> {
        let fresh = self.world.facts().get(seen..).unwrap_or_default();
        let hurt = fresh.iter().find(|(_, fact)| is_harm_of_another(fact, target));
        if let Some((at, fact)) = hurt {
            return Some(format!("{fact} at {at}, which the fault did not touch"));
        }
        match (bound, took) {
            (Some(bound), Some(took)) if took <= bound => None,
            (Some(bound), took) => {
                Some(format!("{target} proven dead after {took:?}, the bound is {bound:?}"))
            }
            (None, None) => None,
            (None, Some(_)) => Some(format!("{target} is proven dead, and nothing can prove it")),
        }
    }

    fn count(&mut self, kind: &str) {
        *self.faults.entry(kind.to_owned()).or_default() += 1;
    }
}

fn is_harm_of_another(fact: &Fact, target: NodeId) -> bool {
    match fact {
        Fact::PoweredOff { node } | Fact::Bitten { node } | Fact::FencedSelf { node, .. } => {
            *node != target
        }
        Fact::Commanded { target: whose, .. } => *whose != target,
        Fact::Agent { .. }
        | Fact::Fencer { .. }
        | Fact::Proven { .. }
        | Fact::Promoted { .. }
        | Fact::Booted { .. }
        | Fact::Struck { .. } => false,
    }
}

/// The story of a world in words, one fact a line, each with its time.
pub fn words(world: &World) -> String {
    let line = |(at, fact): &(Instant, Fact)| format!("{at}  {fact}\n");
    world.facts().iter().map(line).collect()
}
