//! One run: a world drawn from a seed, what is done to it, what must be so at the end.

use std::collections::BTreeMap;

use palisade_protocol::ids::NodeId;
use palisade_protocol::time::{Duration, Instant};

use super::draw;
use super::fault::Fault;
use super::gentle;
use super::options::Options;
use super::permanent::Last;
use super::profile::Profile;
use super::spans::Spans;
use crate::world::{Bmc, Chance, Checks, Fact, Shape, Verdict, Watch, World};

/// Where what a later edition draws besides comes from, so that the first one's draws stay.
const ASIDE: u64 = 0x70a1_15ad_e000_0002;

/// What the BMC of a machine takes to switch off at the end.
pub(super) const OFF_LATENCY: Duration = Duration::from_millis(200);

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// How many members and voters.
    pub size: (u8, u8),
    /// Its timing.
    pub profile: Profile,
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
    /// What became of the fault that was for good, if it came to that.
    pub last: Option<Last>,
    /// What was broken.
    pub verdict: Verdict,
}

/// Runs the world of `seed` to its end.
pub fn run(seed: u64, options: Options) -> (Report, World) {
    run_watched(seed, options, None)
}

/// Runs the world of `seed` to its end, or to that of the patience of whoever watches.
pub fn run_watched(seed: u64, options: Options, watch: Option<Box<dyn Watch>>) -> (Report, World) {
    let (mut chance, mut aside) = (Chance::new(seed), Chance::new(seed ^ ASIDE));
    let profile = options.profile(&mut aside);
    let shape = draw::shape(seed, options, (profile, &mut aside), &mut chance);
    let mut world = World::of(shape);
    if let Some(watch) = watch {
        world.watch(watch);
    }
    let mut run = Run::new(world, options, (chance, aside));
    run.tell();
    run.report(seed, profile)
}

/// A run that is under way.
pub(super) struct Run {
    pub(super) world: World,
    pub(super) chance: Chance,
    /// What a later edition draws besides.
    pub(super) aside: Chance,
    pub(super) options: Options,
    pub(super) spans: Spans,
    pub(super) last: Option<Last>,
    began: Instant,
    faults: BTreeMap<String, u64>,
    healed_in: Duration,
}

impl Run {
    fn new(world: World, options: Options, (chance, aside): (Chance, Chance)) -> Self {
        Self {
            spans: Spans::of(world.shape()),
            began: world.now(),
            world,
            chance,
            aside,
            options,
            last: None,
            faults: BTreeMap::new(),
            healed_in: Duration::ZERO,
        }
    }

    fn report(self, seed: u64, profile: Profile) -> (Report, World) {
        let Self { world, faults, healed_in, began, last, .. } = self;
        let Shape { members, voters, .. } = *world.shape();
        let report = Report {
            seed,
            size: (members, voters),
            profile,
            events: world.events(),
            lasted: world.now().since(began),
            hash: world.trace_hash(),
            faults,
            checks: *world.checks(),
            healed_in,
            last,
            verdict: world.verdict().clone(),
        };
        (report, world)
    }

    fn tell(&mut self) {
        self.all_well_within(self.spans.cold_start_max(), "after a cold start");
        if self.chance.below(6) == 0 && !self.options.has_only() {
            let (_, hurt) = gentle::strike(&mut self.world, &mut self.chance);
            self.count("gentle");
            self.world.judge("S5", hurt);
        } else {
            self.strike();
        }
        self.heal();
        self.all_well_within(self.spans.heal_max(), "after all faults have ended");
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
            let pause = Duration::from_millis(self.chance.below(most));
            self.world.run_for(self.spans.by_hold(pause));
        }
        let pause = self.chance.span(Duration::from_secs(2));
        self.world.run_for(self.spans.by_hold(pause));
    }

    fn kinds(&mut self) -> Vec<Fault> {
        let all = self.options.faults();
        let few = self.chance.below(4) + 1;
        match self.chance.below(3) {
            0 => (0..few).filter_map(|_| self.chance.pick(&all)).collect(),
            1 => (0..few + 4).filter_map(|_| self.chance.pick(&all)).collect(),
            _ => all.into_iter().filter(|_| self.chance.below(2) == 0).collect(),
        }
    }

    /// Every fault ends; whatever is off or dead is started.
    fn heal(&mut self) {
        self.world.struck("all faults end".to_owned());
        self.world.network.heal();
        self.world.record(false);
        self.world.complete_upgrade();
        for node in self.world.shape().nodes().collect::<Vec<_>>() {
            self.mend(node);
        }
    }

    fn mend(&mut self, node: NodeId) {
        let world = &mut self.world;
        world.set_bmc(node, Bmc::Works { off_latency: OFF_LATENCY });
        world.mend_bmc(node);
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
    pub(super) fn all_well_within(&mut self, span: Duration, when: &str) {
        if *self.world.verdict() != Verdict::Held {
            return;
        }
        let began = self.world.now();
        while !self.is_all_well() && self.world.now().since(began) < span {
            self.world.run_for(self.spans.look_every());
        }
        let took = self.world.now().since(began);
        self.healed_in = self.healed_in.max(took);
        let ill = (!self.is_all_well()).then(|| format!("{when}: {}", self.illness()));
        self.world.judge("L2", ill);
    }

    fn is_all_well(&self) -> bool {
        let world = &self.world;
        world
            .shape()
            .member_nodes()
            .all(|node| world.is_served_by_all(node) && world.is_armed(node))
            && world.shape().voter_nodes().all(|node| world.is_voting(node))
            && world.is_calm()
            && world.owner().is_some_and(|owner| world.is_serving(owner))
    }

    fn illness(&self) -> String {
        let world = &self.world;
        let named = |nodes: Vec<NodeId>| {
            nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        let idle =
            world.shape().member_nodes().filter(|node| !world.is_served_by_all(*node)).collect();
        let mute = world.shape().voter_nodes().filter(|node| !world.is_voting(*node)).collect();
        format!(
            "not served: [{}], not voting: [{}], calm: {}, owner: {:?}",
            named(idle),
            named(mute),
            world.is_calm(),
            world.owner()
        )
    }

    pub(super) fn count(&mut self, kind: &str) {
        *self.faults.entry(kind.to_owned()).or_default() += 1;
    }
}

/// The story of a world in words, one fact a line, each with its time.
pub fn words(world: &World) -> String {
    let line = |(at, fact): &(Instant, Fact)| format!("{at}  {fact}\n");
    world.facts().iter().map(line).collect()
}
