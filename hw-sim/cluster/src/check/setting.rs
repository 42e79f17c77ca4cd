//! One cluster to be checked: who is in it, its timing in ticks, its clocks, what may break.
//!
//! A setting is built through the same inequality that the daemons use, so that no timing is
//! checked that a configuration would refuse.

use palisade_protocol::ids::NodeId;
use palisade_protocol::time::{Duration, Instant};
use palisade_protocol::timing::{Timing, TimingRaw};

use super::mishap::Mishap;

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
    /// Of what [`Self::Machines`] has, one of each kind and the longest that ends within a run.
    Few,
    /// That, and of what [`Self::Frames`] has beyond [`Self::Machines`], one of each kind.
    FewFrames,
    /// Only what must not cost anybody anything: one link, one voter, one frame.
    Gentle,
}

impl Menu {
    /// Whether single frames, writes and commands are on it.
    pub(super) const fn has_frames(self) -> bool {
        matches!(self, Self::Frames | Self::FewFrames | Self::Gentle)
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Machines => "of machines",
            Self::Frames => "of machines and frames",
            Self::Few => "of few machine kinds",
            Self::FewFrames => "of few kinds",
            Self::Gentle => "that fence nobody",
        }
    }
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

/// One cluster and its adversary.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Its name in reports.
    pub name: String,
    /// Nodes 1 to this run an agent.
    pub members: u8,
    /// So many nodes run a fencer.
    pub voters: u8,
    /// The first of them; the others follow.
    pub voters_from: u8,
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
    /// Until how many ticks after the beginning any frame may be lost, as often as the adversary
    /// likes, at no cost; never, if none.
    pub lossy_ticks: Option<u32>,
    /// After how many ticks a frame may also come again, if that is not zero.
    pub replay_after: u32,
    /// What happens anyhow, and so many ticks after the adversary's time has begun.
    pub mishaps: Vec<(u32, Mishap)>,
    /// Whether the members are virtual machines, which can be paused with their dogs.
    pub virtual_members: bool,
    /// Whether members run a service that is checked, and can fail.
    pub has_service: bool,
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
            voters_from: 1,
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
            lossy_ticks: None,
            replay_after: 0,
            mishaps: Vec::new(),
            virtual_members: false,
            has_service: false,
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
    /// the drift pets then. Two ticks are less than a warrant by a slow clock and more by a fast one.
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
            warrant: Duration::from_millis(62),
            on_rest: Duration::from_millis(88),
            ..setting.raw
        };
        setting
    }

    /// A pair and its witness whose pets take their time: a lease that is worth a pet two ticks old,
    /// if that took none.
    pub fn stalling(menu: Menu, faults: u8, ticks: u32) -> Self {
        let mut setting = Self::pair(4, menu, faults, ticks);
        setting.fire = Duration::from_millis(48);
        setting.true_fire = setting.fire;
        setting.raw.stall = Duration::from_millis(12);
        setting.raw.promise = Duration::from_millis(110);
        Self { name: "pair and witness, slow pets".to_owned(), ..setting }
    }

    /// Two members and three voters, each on a machine of its own.
    pub fn apart(lease: u32, menu: Menu, faults: u8, ticks: u32) -> Self {
        let name = format!("2 members, 3 voters apart, lease {lease} ticks");
        let rates = vec![Rate::True; 5];
        Self { name, voters_from: 3, rates, ..Self::pair(lease, menu, faults, ticks) }
    }

    /// A pair of virtual machines and three voters elsewhere, with power devices or without.
    pub fn virtual_pair(lease: u32, has_power_devices: bool, faults: u8, ticks: u32) -> Self {
        let devices = if has_power_devices { "" } else { ", no BMCs" };
        let name = format!("2 virtual machines, 3 voters{devices}, lease {lease} ticks");
        Self {
            name,
            voters_from: 3,
            virtual_members: true,
            has_power_devices,
            rates: vec![Rate::True; 5],
            ..Self::pair(lease, Menu::Machines, faults, ticks)
        }
    }

    /// A pair and its witness, with a service on each member that is checked.
    pub fn serving(lease: u32, menu: Menu, faults: u8, ticks: u32) -> Self {
        let name = format!("pair with a service, lease {lease} ticks");
        Self { name, has_service: true, ..Self::pair(lease, menu, faults, ticks) }
    }

    /// The same, and any frame may be lost at once and for so many ticks, at no cost.
    #[must_use]
    pub fn lossy(self, ticks: u32) -> Self {
        let name = match ticks {
            0 => format!("{}, any loss at once", self.name),
            1 => format!("{}, any loss for a tick", self.name),
            _ => format!("{}, any loss for {ticks} ticks", self.name),
        };
        Self { name, lossy_ticks: Some(ticks), ..self }
    }

    /// The same, and a frame may also come again so many ticks later.
    #[must_use]
    pub fn replaying(self, replay_after: u32) -> Self {
        let name = format!("{}, replays after {replay_after} ticks", self.name);
        Self { name, replay_after, ..self }
    }

    /// The same, after a mishap.
    #[must_use]
    pub fn after(self, mishap: Mishap) -> Self {
        let name = format!("{}, {}", self.name, mishap.words());
        self.with(name, 0, mishap)
    }

    /// The same, and so many ticks later a mishap.
    #[must_use]
    pub fn then(self, tick: u32, mishap: Mishap) -> Self {
        let name = format!("{}, at {tick} {}", self.name, mishap.words());
        self.with(name, tick, mishap)
    }

    fn with(mut self, name: String, tick: u32, mishap: Mishap) -> Self {
        self.mishaps.push((tick, mishap));
        Self { name, ..self }
    }

    /// Its name and its adversary.
    pub fn label(&self) -> String {
        let Self { name, faults, ticks, .. } = self;
        let s = if *faults == 1 { "" } else { "s" };
        format!("{name}: {faults} fault{s} {} in {ticks} ticks", self.menu.words())
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
        let voters_to = self.voters_from + self.voters - 1;
        (1..=self.members.max(voters_to)).filter_map(NodeId::new)
    }

    /// Whether a node runs an agent.
    pub(super) const fn is_member(&self, node: NodeId) -> bool {
        node.get() <= self.members
    }

    /// Whether a node runs a fencer.
    pub(super) const fn is_voter(&self, node: NodeId) -> bool {
        node.get() >= self.voters_from && node.get() < self.voters_from + self.voters
    }

    /// Whether a node is a virtual machine.
    pub(super) const fn is_virtual(&self, node: NodeId) -> bool {
        self.virtual_members && self.is_member(node)
    }

    /// What `node`'s clock shows at `tick`, if it never stood still.
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
