//! Power, BMCs and watchdogs: what makes a life begin and end.

use palisade_agent_core::Input as AgentInput;
use palisade_fencer_core::power::PowerReport;
use palisade_fencer_core::{Input as FencerInput, OrderId, PowerAct, PowerOrder};
use palisade_protocol::ids::{BootId, NodeId};
use palisade_protocol::quorum::majority;
use palisade_protocol::time::{Duration, Instant};
use palisade_protocol::wire::DogClass;

use super::clock::Clock;
use super::machine::{Machine, Session};
use super::queue::{Asked, Happening};
use super::{Bmc, Fact, STILL_RETRY, World};

/// A machine's clock reads between this and a minute more when its daemons start.
const CLOCK_FROM: Duration = Duration::from_secs(1);

impl World {
    /// What the power engine does with an order: pulls the warrant, sends, waits for the answer.
    pub(super) fn obey(&mut self, asker: NodeId, order: PowerOrder) {
        let now = self.now;
        let machine = self.machine(asker);
        let (run, asked_at) = (machine.fencer.run, machine.local(now));
        let target = order.id.target;
        if order.act != PowerAct::Read {
            let warrant = machine.fencer.core.as_mut().map(|f| f.warrant(asked_at, order.id));
            let Some(Ok(warrant)) = warrant else {
                return self.report(asker, run, order.id, PowerReport::Failed);
            };
            let condemned = self.is_condemned_by_majority(target, warrant.boot());
            let wrong = self.is_wrong_life(target, Some(warrant.boot()));
            self.judge.commanded(now, asker, &warrant, (condemned, wrong));
        }
        let bmc = self.machine(target).bmc;
        let on = self.reads_on(target);
        let heard = self.is_in_session(asker, order.id, asked_at);
        if heard {
            self.command(target, order.act);
        }
        self.asked.push(Asked { order, asked_at, on, heard });
        let order = u32::try_from(self.asked.len() - 1).unwrap_or(u32::MAX);
        self.after(bmc.answers_after(), Happening::BmcAnswers { asker, run, order });
    }

    pub(super) fn bmc_answers(&mut self, asker: NodeId, run: u32, order: u32) {
        let place = usize::try_from(order).unwrap_or(usize::MAX);
        let Some(asked) = self.asked.get(place).copied() else { return };
        let (now, bmc) = (self.now, self.machine(asked.order.id.target));
        let (alive, bmc_boots) = (asked.heard && bmc.bmc_hears(now), bmc.bmc_boots);
        let machine = self.machine(asker);
        if machine.fencer.run != run {
            return;
        }
        if machine.fencer.frozen || machine.is_still() {
            return self.after(STILL_RETRY, Happening::BmcAnswers { asker, run, order });
        }
        let PowerOrder { id, act } = asked.order;
        let with = (id.target, id.case);
        let stands = |session: &Session| alive && session.bmc_boots == bmc_boots;
        let session_at = machine.session(with).filter(stands).map(|session| session.at);
        let report = match (session_at, act) {
            (None, _) => {
                machine.lost_session(with);
                PowerReport::Failed
            }
            (Some(session_at), PowerAct::Read) => {
                PowerReport::Read { session_at, asked_at: asked.asked_at, on: asked.on }
            }
            (Some(session_at), PowerAct::Off | PowerAct::On) => PowerReport::Acked { session_at },
        };
        self.report(asker, run, id, report);
    }

    pub(super) fn power_falls(&mut self, node: NodeId, cut: u32) {
        let machine = self.machine(node);
        if machine.off_pending.take_if(|pending| *pending == cut).is_none() {
            return;
        }
        machine.cuts += 1;
        let wrong = self.is_wrong_life(node, None);
        self.judge.fell(self.now, node, wrong);
        self.power_off(node);
        let machine = self.machine(node);
        let power = machine.power_run;
        if let Bmc::Restores { after } = machine.bmc {
            self.after(after, Happening::PowerReturns { node, power });
        }
    }

    pub(super) fn power_returns(&mut self, node: NodeId, power: u32) {
        let machine = self.machine(node);
        if machine.power_run == power && !machine.powered {
            self.power_on(node);
        }
    }

    pub(super) fn power_off(&mut self, node: NodeId) {
        self.dies(node);
        let machine = self.machine(node);
        machine.powered = false;
        machine.off_pending = None;
        self.note(Fact::PoweredOff { node });
    }

    pub(super) fn power_on(&mut self, node: NodeId) {
        let power = self.machine(node).power_up();
        self.after(self.shape.boot, Happening::Booted { node, power });
    }

    pub(super) fn reset(&mut self, node: NodeId) {
        self.dies(node);
        self.power_on(node);
    }

    pub(super) fn fence_self(&mut self, node: NodeId) {
        if self.shape.self_fence.is_zero() {
            return self.reset(node);
        }
        let run = self.machine(node).power_run;
        self.after(self.shape.self_fence, Happening::SelfFenced { node, run });
    }

    pub(super) fn self_fenced(&mut self, node: NodeId, run: u32) {
        let machine = self.machine(node);
        if machine.power_run == run && machine.powered {
            self.reset(node);
        }
    }

    pub(super) fn dog_bites(&mut self, node: NodeId, pet: u32) {
        let now = self.now;
        let machine = self.machine(node);
        let stands_still = machine.class == DogClass::Virtual && machine.paused_at.is_some();
        if !machine.armed || machine.pets != pet || stands_still {
            return;
        }
        if now < machine.bites_at {
            let at = machine.bites_at;
            return self.at(at, Happening::DogBites { node, pet });
        }
        self.note(Fact::Bitten { node });
        self.reset(node);
    }

    pub(super) fn booted(&mut self, node: NodeId, power: u32) {
        let machine = self.machine(node);
        if machine.power_run != power || !machine.powered || machine.booted || machine.broken {
            return;
        }
        let clock = self.new_clock();
        let (now, timing, shape) = (self.now, self.timing, self.shape.clone());
        let machine = self.machine(node);
        machine.boot_up(clock);
        let (boot, is_member, votes) = (machine.boot(), machine.is_member, machine.votes);
        self.note(Fact::Booted { node, boot });
        if is_member {
            self.machine(node).start_agent(now, timing, &shape);
            self.tell_agent(node, AgentInput::Tick);
        }
        if votes {
            self.machine(node).start_fencer(now, timing, &shape);
            self.tell_fencer(node, FencerInput::Tick);
        }
    }

    /// S2: a life with an armed, physical watchdog ends before the promises of a majority do. One
    /// whose watchdog was armed only when they had ended was told to nobody as armed, and ends itself.
    pub(super) fn judge_lease(&mut self, node: NodeId) {
        let (now, voters) = (self.now, usize::from(self.shape.voters));
        let machine = self.machine(node);
        if !machine.armed || machine.class != DogClass::Physical || !machine.booted {
            return;
        }
        let (mut ends, armed_at) = (machine.promises, machine.armed_at);
        let Some(ends) = ends.get_mut(..voters) else { return };
        ends.sort_unstable();
        let end = ends.get(majority(voters) - 1).copied().unwrap_or(Instant::BOOT);
        if end > armed_at {
            self.judge.leased(now, node, end);
        }
    }

    fn dies(&mut self, node: NodeId) {
        self.judge_lease(node);
        let unread = self.machine(node).halt();
        self.unread(unread);
    }

    fn new_clock(&mut self) -> Clock {
        let ppm = i32::try_from(self.shape.drift_ppm).unwrap_or(0);
        if ppm == 0 {
            return Clock::true_one();
        }
        let worst = [-ppm, ppm];
        let ppm = match self.chance.below(4) {
            0 | 1 => self.chance.pick(&worst).unwrap_or(0),
            2 => 0,
            _ => i32::try_from(self.chance.below(u64::from(ppm.unsigned_abs()) * 2 + 1))
                .map_or(0, |drawn| drawn - ppm),
        };
        let local = CLOCK_FROM + self.chance.span(Duration::from_secs(60));
        Clock::begun(self.now, local, ppm)
    }

    fn report(&mut self, asker: NodeId, run: u32, order: OrderId, report: PowerReport) {
        if self.machine(asker).fencer.run == run {
            self.tell_fencer(asker, FencerInput::Power { order, report });
        }
    }

    /// Whether the BMC hears an order: it is up, and there is a session with it or room for one. A
    /// session that a reboot of the BMC has ended is noticed by its silence.
    pub(super) fn is_in_session(&mut self, asker: NodeId, id: OrderId, asked_at: Instant) -> bool {
        let (now, with) = (self.now, (id.target, id.case));
        let held = self.machine(asker).session(with);
        let bmc = self.machine(id.target);
        let fresh = Session { at: asked_at, bmc_boots: bmc.bmc_boots };
        let stands =
            held.map_or(now >= bmc.bmc_full_until, |held| held.bmc_boots == fresh.bmc_boots);
        let hears = bmc.bmc_hears(now) && stands;
        if hears {
            self.machine(asker).opened_session(with, fresh);
        }
        hears
    }

    /// What a BMC that hears an order does: one transition at a time. While an Off is under way,
    /// the button pressed, another Off and an On change nothing; the button is let go when the
    /// power is off, whoever did that, and a reset is not that. [x86-power-control,
    /// powerStateTransitionToOff: every event but PowerOK lost is "no action taken"]
    pub(super) fn command(&mut self, target: NodeId, act: PowerAct) {
        let machine = self.machine(target);
        let (is_falling, latency) = (machine.off_pending.is_some(), machine.bmc.off_latency());
        match (act, latency) {
            (PowerAct::Off, _) if !machine.powered || is_falling => {}
            (PowerAct::Off, Some(latency)) => self.begin_off(target, latency),
            (PowerAct::On, Some(_)) if !machine.powered => self.power_on(target),
            (PowerAct::Off | PowerAct::On | PowerAct::Read, _) => {}
        }
    }

    fn begin_off(&mut self, target: NodeId, latency: Duration) {
        let machine = self.machine(target);
        machine.offs += 1;
        let cut = machine.offs;
        machine.off_pending = Some(cut);
        if latency.is_zero() {
            return self.power_falls(target, cut);
        }
        self.after(latency, Happening::PowerFalls { node: target, cut });
    }

    fn reads_on(&mut self, target: NodeId) -> bool {
        let machine = self.machine(target);
        machine.bmc_reads = machine.bmc_reads.wrapping_add(1);
        let flaps = machine.bmc == Bmc::Flaps && machine.bmc_reads.is_multiple_of(2);
        machine.powered && !flaps
    }

    /// What the disks say, whatever any fencer believes.
    fn is_condemned_by_majority(&self, target: NodeId, boot: BootId) -> bool {
        let voters = self.machines.iter().filter(|machine| machine.votes).count();
        let condemned = |machine: &&Machine| machine.disk.has_condemned(target, boot);
        self.machines.iter().filter(condemned).count() >= majority(voters)
    }

    /// Whether the life that runs on `node` is not `condemned`, and some majority did support it.
    fn is_wrong_life(&mut self, node: NodeId, condemned: Option<BootId>) -> bool {
        let Some(running) = self.machine(node).running_boot() else { return false };
        if condemned == Some(running) || self.is_condemned_by_majority(node, running) {
            return false;
        }
        let voters = usize::from(self.shape.voters);
        let supported =
            self.machine(node).promises.iter().filter(|end| **end > Instant::BOOT).count();
        supported >= majority(voters)
    }
}
