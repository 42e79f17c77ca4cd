//! One cluster to be checked: who is in it, its timing in ticks, its clocks, what may break.
//!
//! A setting is built through the same inequality that the daemons use, so that no timing is
//! checked that a configuration would refuse.

use palisade_protocol::ids::NodeId;
use palisade_protocol::time::{Duration, Instant};
use palisade_protocol::timing::{Timing, TimingRaw};

/// The step of the world's time.
pub(super) const TICK: Duration = Duration::from_millis(30);

/// Every clock starts here, so that nothing lies before boot.
const EPOCH_NANOS: u64 = 10_000_000_000;

/// What the adversary may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Menu {
    /// Break machines, disks, links and BMCs for whole ticks.
    Machines,
    /// That, and lose, delay, repeat or overtake any single frame, write or power command.
    Frames,
}

/// How far a machine's clock is from the true rate, in the bound that the timing allows for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// As slow as allowed.
    Slow,
    /// True.
    True,
    /// As fast as allowed.
    Fast,
}

/// What happens to node 1 before the adversary begins, and counts as no fault of its.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// It is cut off for good.
    CutOff,
    /// It is cut off for three ticks.
    CutOffBriefly,
    /// Its agent gets no processor any more.
    AgentStopped,
    /// It loses its power.
    Unplugged,
}

/// One cluster and its adversary.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Its name in reports.
    pub name: String,
    /// Nodes 1 to this run an agent.
    pub members: u8,
    /// Nodes 1 to this run a fencer.
    pub voters: u8,
    /// The numbers.
    pub raw: TimingRaw,
    /// `W` as the configuration has it.
    pub fire: Duration,
    /// How long a dog really takes; equal to `fire` unless the setting is meant to fail.
    pub true_fire: Duration,
    /// The clock of each machine.
    pub rates: Vec<Rate>,
    /// The rate error that the clocks really have, in parts per million.
    pub true_drift_ppm: u32,
    /// Whether any power can be cut.
    pub has_power_devices: bool,
    /// Whether a fencer that lost its disk knows that it did.
    pub knows_loss: bool,
    /// What may break.
    pub menu: Menu,
    /// How many faults one run may have.
    pub faults: u8,
    /// How many ticks the adversary has.
    pub ticks: u32,
    /// What has happened already.
    pub mishap: Option<Mishap>,
    /// Whether its time begins when all machines are switched on, not when all are armed.
    pub cold: bool,
}

impl Setting {
    /// A pair and its witness, true clocks, a lease of `lease` ticks (2 to 4): suspicion one tick,
    /// the dog the rest, no slack at all.
    pub fn pair(lease: u32, menu: Menu, faults: u8, ticks: u32) -> Self {
        let fire = TICK.saturating_mul(lease.saturating_sub(1));
        let raw = TimingRaw {
            beat: Duration::from_millis(10),
            suspect_after: TICK,
            stall: Duration::ZERO,
            rtt: Duration::ZERO,
            margin: Duration::ZERO,
            drift_ppm: 0,
            promise: TICK.saturating_mul(lease),
            off_confirm: TICK,
            on_rest: TICK.saturating_mul(2),
            warrant: TICK.saturating_mul(2),
        };
        let name = format!("pair and witness, lease {lease} ticks");
        Self {
            name,
            members: 2,
            voters: 3,
            raw,
            fire,
            true_fire: fire,
            rates: vec![Rate::True; 3],
            true_drift_ppm: 0,
            has_power_devices: true,
            knows_loss: true,
            menu,
            faults,
            ticks,
            mishap: None,
            cold: false,
        }
    }

    /// Three machines that are members and voters all.
    pub fn three(lease: u32, menu: Menu, faults: u8, ticks: u32) -> Self {
        let name = format!("3 x 3, lease {lease} ticks");
        Self { name, members: 3, ..Self::pair(lease, menu, faults, ticks) }
    }

    /// A pair and its witness whose power nobody can cut.
    pub fn powerless(lease: u32, menu: Menu, faults: u8, ticks: u32) -> Self {
        let name = format!("no BMCs, lease {lease} ticks");
        Self { name, has_power_devices: false, ..Self::pair(lease, menu, faults, ticks) }
    }

    /// A pair and its witness, all just switched on.
    pub fn cold(lease: u32, menu: Menu, faults: u8, ticks: u32) -> Self {
        let name = format!("cold start, lease {lease} ticks");
        Self { name, cold: true, ..Self::pair(lease, menu, faults, ticks) }
    }

    /// A pair and its witness with clocks 10 % off, each its own way, and pets that take their time.
    ///
    /// The numbers are chosen so that the lease has 0.2 ms of slack, and that a slow clock's second
    /// tick after a renewal lies within the promise and beyond what it is worth: whoever forgets
    /// the drift pets then.
    pub fn drifting(rates: [Rate; 3], menu: Menu, faults: u8, ticks: u32) -> Self {
        let mut setting = Self::pair(2, menu, faults, ticks);
        setting.fire = Duration::from_millis(48);
        setting.true_fire = setting.fire;
        setting.true_drift_ppm = 100_000;
        setting.rates = rates.to_vec();
        setting.name = format!("pair and witness, clocks {}", rates.map(Rate::letter).concat());
        setting.raw = TimingRaw {
            beat: Duration::from_millis(11),
            suspect_after: Duration::from_millis(33),
            stall: Duration::from_millis(2),
            drift_ppm: 100_000,
            promise: Duration::from_millis(104),
            warrant: Duration::from_millis(70),
            on_rest: Duration::from_millis(88),
            ..setting.raw
        };
        setting
    }

    /// The same, after a mishap.
    #[must_use]
    pub fn after(self, mishap: Mishap) -> Self {
        Self { name: format!("{}, {}", self.name, mishap.words()), mishap: Some(mishap), ..self }
    }

    /// The checked timing.
    ///
    /// # Panics
    /// If a configuration would refuse it.
    pub(super) fn timing(&self) -> Timing {
        match Timing::new(self.raw, self.fire) {
            Ok(timing) => timing,
            Err(broken) => unreachable!("{}: {:?}", self.name, broken.first()),
        }
    }

    /// All machines.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        (1..=self.members.max(self.voters)).filter_map(NodeId::new)
    }

    /// Whether a node runs an agent.
    pub(super) const fn is_member(&self, node: NodeId) -> bool {
        node.get() <= self.members
    }

    /// Whether a node runs a fencer.
    pub(super) const fn is_voter(&self, node: NodeId) -> bool {
        node.get() <= self.voters
    }

    /// What `node`'s clock shows at `tick`.
    pub(super) fn clock(&self, node: NodeId, tick: u32) -> Instant {
        let tick_nanos = u64::try_from(TICK.as_nanos()).unwrap_or(0);
        let truly = u64::from(tick) * tick_nanos;
        let error = u128::from(truly) * u128::from(self.true_drift_ppm) / 1_000_000;
        let error = u64::try_from(error).unwrap_or(0);
        let shown = match self.rate(node) {
            Rate::Slow => truly - error,
            Rate::True => truly,
            Rate::Fast => truly + error,
        };
        Instant::from_nanos(EPOCH_NANOS + shown)
    }

    /// When `node`'s clock shows `shown`, in nanoseconds of true time.
    pub(super) fn truly(&self, node: NodeId, shown: Instant) -> u64 {
        let shown = u128::from(shown.as_nanos().saturating_sub(EPOCH_NANOS));
        let million = 1_000_000_u128;
        let drift = u128::from(self.true_drift_ppm);
        let truly = match self.rate(node) {
            Rate::Slow => shown * million / (million - drift),
            Rate::True => shown,
            Rate::Fast => shown * million / (million + drift),
        };
        u64::try_from(truly).unwrap_or(u64::MAX)
    }

    fn rate(&self, node: NodeId) -> Rate {
        let place = usize::from(node.get()).saturating_sub(1);
        self.rates.get(place).copied().unwrap_or(Rate::True)
    }
}

impl Rate {
    const fn letter(self) -> &'static str {
        match self {
            Self::Slow => "S",
            Self::True => "T",
            Self::Fast => "F",
        }
    }
}

impl Mishap {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::CutOff, Self::CutOffBriefly, Self::AgentStopped, Self::Unplugged];

    const fn words(self) -> &'static str {
        match self {
            Self::CutOff => "node 1 cut off",
            Self::CutOffBriefly => "node 1 cut off briefly",
            Self::AgentStopped => "agent 1 stopped",
            Self::Unplugged => "node 1 unplugged",
        }
    }
}
