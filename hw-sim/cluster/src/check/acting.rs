//! What machines, processes and power engines do when something happens to them.
//!
//! The cores decide; here their effects are carried out, and the truth is kept of them.

use std::sync::Arc;

use palisade_agent_core::pet::PetPermit;
use palisade_agent_core::{Effects as AgentEffects, Input as AgentInput, ProbeReport};
use palisade_fencer_core::power::PowerReport;
use palisade_fencer_core::{
    DurableState, Effects as FencerEffects, Input as FencerInput, PowerAct, PowerOrder,
};
use palisade_protocol::ids::{BootId, LinkId, NodeId, Peer, Role, Start};
use palisade_protocol::time::Instant;
use palisade_protocol::wire::{Body, Condemn, Frame, Post};

use super::event::{Event, is_command};
use super::machine::{Bmc, Session};
use super::milestone::Milestone;
use super::setting::Setting;
use super::state::State;
use super::truth::takes_power;

/// Ticks from reset or power-on to running daemons.
const BOOT_TICKS: u32 = 1;

/// Machines.
impl State {
    pub(super) fn act(&mut self, setting: &Setting, event: Event) {
        match event {
            Event::Boot { node } => self.boot(setting, node),
            Event::StartFencer { node } => self.start_fencer(setting, node),
            Event::StartAgent { node, boot } => {
                if self.machine(node).running() == Some(boot) {
                    self.restart_agent(setting, node);
                }
            }
            Event::Returns { node } => self.power_on(node),
            Event::Falls { node, condemned } => self.fall(node, condemned),
            Event::AgentTurn { node } => self.agent_turn(setting, node),
            Event::Probed { node, start, asked_at } => {
                self.probed(setting, (node, start), asked_at);
            }
            Event::Bites => self.bite(setting, |bites_at, now| bites_at <= now),
            Event::FencerTurn { node } => self.tell_fencer(setting, node, FencerInput::Tick),
            Event::Arrive { to, frame } => self.arrive(setting, to, frame),
            Event::Written { node, run, state } => self.written(setting, (node, run), state),
            Event::Obey { node, run, order } => self.obey(setting, (node, run), order),
            Event::Report { node, run, order, report } => {
                if self.machine(node).runs == run {
                    self.tell_fencer(setting, node, FencerInput::Power { order, report });
                }
            }
        }
    }

    pub(super) fn reset(&mut self, node: NodeId, ticks: u32) {
        self.machine(node).halt();
        self.put_off(self.tick + ticks, Event::Boot { node }.due());
    }

    pub(super) fn power_off(&mut self, node: NodeId) {
        self.machine(node).halt();
        self.machine(node).powered = false;
    }

    pub(super) fn restart_agent(&mut self, setting: &Setting, node: NodeId) {
        let now = self.clock(setting, node);
        let machine = self.machine(node);
        machine.count_agent_start();
        machine.start_agent(setting, now);
    }

    /// The dogs that are due bite.
    pub(super) fn bite(&mut self, setting: &Setting, due: impl Fn(Instant, Instant) -> bool) {
        for node in setting.nodes() {
            let now = self.clock(setting, node);
            if self.machine(node).bites_at.is_some_and(|bites_at| due(bites_at, now)) {
                self.note(|| format!("the dog of {node} bites"));
                self.reached.push(Milestone::Bitten);
                self.reset(node, BOOT_TICKS);
            }
        }
    }

    fn boot(&mut self, setting: &Setting, node: NodeId) {
        let now = self.clock(setting, node);
        let machine = self.machine(node);
        if machine.powered && !machine.up {
            machine.boot(setting, now);
        }
    }

    fn start_fencer(&mut self, setting: &Setting, node: NodeId) {
        let now = self.clock(setting, node);
        let machine = self.machine(node);
        if machine.up && machine.fencer.is_none() {
            machine.count_fencer_start();
            machine.start_fencer(setting, now);
        }
    }

    fn power_on(&mut self, node: NodeId) {
        if !self.machine(node).powered {
            self.machine(node).powered = true;
            self.put_off(self.tick + BOOT_TICKS, Event::Boot { node }.due());
        }
    }

    fn fall(&mut self, node: NodeId, condemned: BootId) {
        if !self.machine(node).powered {
            return;
        }
        let running = self.machine(node).running();
        let broken = self.truth.powered_off(node, running, condemned);
        self.judge(broken);
        self.power_off(node);
        if let Bmc::Returns(ticks) = self.machine(node).bmc {
            self.put_off(self.tick + u32::from(ticks), Event::Returns { node }.due());
        }
    }

    fn arrive(&mut self, setting: &Setting, to: Peer, frame: Frame) {
        match to.role {
            Role::Member => self.tell_agent(setting, to.node, AgentInput::Heard(frame)),
            Role::Voter => self.tell_fencer(setting, to.node, FencerInput::Heard(frame)),
        }
    }

    fn post(&mut self, from: Peer, posts: &[Post]) {
        let machine = self.machine(from.node);
        let (boot, start) = (machine.boot_id(), machine.start(from.role == Role::Member));
        let Some(link) = LinkId::new(0) else { return };
        for post in posts {
            if self.cuts.iter().any(|(ends, _)| *ends == (from.node, post.dst.node)) {
                continue;
            }
            let Post { dst, seq, echo, body } = *post;
            let frame = Frame { src: from, link, boot, start, seq, echo, body };
            self.queue.push_back(Event::Arrive { to: dst, frame }.due());
        }
    }
}

/// Agents and their dogs.
impl State {
    /// The first half of an agent's turn, before it asks whether it may pet.
    pub(super) fn keep_agents_time(&mut self, setting: &Setting, node: NodeId) {
        self.tell_agent(setting, node, AgentInput::Tick);
    }

    /// Pets that an agent was stopped in, and now completes.
    pub(super) fn finish_stopped_pets(&mut self, setting: &Setting) {
        for node in setting.nodes() {
            let (now, tick) = (self.clock(setting, node), self.tick);
            let machine = self.machine(node);
            let wakes = machine.agent_sleeps <= tick && !machine.is_paused(tick);
            let Some(tested_at) = machine.tested_at.take_if(|_| wakes) else { continue };
            let agent = machine.agent.as_ref();
            let permit = agent.map(|agent| agent.core().pet_decision(tested_at));
            if let Some(Ok(permit)) = permit {
                self.note(|| format!("the agent of {node} completes its pet"));
                self.pet(setting, node, permit, now);
            }
        }
    }

    pub(super) fn tell_agent(&mut self, setting: &Setting, node: NodeId, input: AgentInput) {
        let now = self.clock(setting, node);
        let Some(agent) = &mut self.machine(node).agent else { return };
        let effects: AgentEffects = agent.work(|core| core.handle(now, input));
        if let Some(reason) = effects.fence_self {
            self.note(|| format!("the agent of {node} resets it: {reason}"));
            self.reached.push(Milestone::FencedSelf);
            return self.reset(node, BOOT_TICKS);
        }
        if self.story.is_some() {
            effects.news.iter().for_each(|news| self.note(|| format!("agent of {node}: {news:?}")));
        }
        self.post(Peer::member(node), &effects.posts);
        if effects.probe {
            let start = self.machine(node).start(true);
            self.queue.push_back(Event::Probed { node, start, asked_at: now }.due());
        }
        if effects.disarm {
            self.disarm(setting, node);
        }
    }

    fn agent_turn(&mut self, setting: &Setting, node: NodeId) {
        self.keep_agents_time(setting, node);
        let now = self.clock(setting, node);
        let agent = self.machine(node).agent.as_ref();
        let Some(Ok(permit)) = agent.map(|agent| agent.core().pet_decision(now)) else { return };
        self.pet(setting, node, permit, now + setting.raw.stall);
    }

    /// The dog is petted, and the agent told. A dog that may stand still with its machine promises
    /// nothing.
    fn pet(&mut self, setting: &Setting, node: NodeId, permit: PetPermit, done_at: Instant) {
        let machine = self.machine(node);
        let bites_at = done_at + setting.true_fire;
        let life = (node, machine.boot_id());
        let first = !std::mem::replace(&mut machine.opened, true);
        machine.bites_at = Some(bites_at);
        machine.gave_up &= !first;
        let ends = machine.truly(setting, bites_at);
        let timely = done_at.since(permit.tested_at()) <= setting.raw.stall;
        if timely && !setting.is_virtual(node) {
            let broken = self.truth.petted(life, ends);
            self.judge(broken);
        }
        let input = if first {
            AgentInput::Armed { permit, done_at }
        } else {
            AgentInput::Petted { permit, done_at }
        };
        self.tell_agent(setting, node, input);
    }

    fn disarm(&mut self, setting: &Setting, node: NodeId) {
        let machine = self.machine(node);
        machine.bites_at = None;
        machine.opened = false;
        self.note(|| format!("the dog of {node} is disarmed"));
        self.reached.push(Milestone::Left);
        self.tell_agent(setting, node, AgentInput::Disarmed);
    }

    fn probed(&mut self, setting: &Setting, (node, start): (NodeId, Start), asked_at: Instant) {
        let machine = self.machine(node);
        if machine.agent.is_some() && machine.start(true) == start {
            let answer = machine.answer();
            let report = ProbeReport { asked_at, answer };
            self.tell_agent(setting, node, AgentInput::Probe(report));
        }
    }
}

/// Fencers, their disks and their power engines.
impl State {
    pub(super) fn tell_fencer(&mut self, setting: &Setting, node: NodeId, input: FencerInput) {
        let now = self.clock(setting, node);
        let Some(fencer) = &mut self.machine(node).fencer else { return };
        let mut effects = FencerEffects::default();
        fencer.work(|core| core.handle(now, input, &mut effects));
        let heard = match input {
            FencerInput::Heard(frame) => Some(frame),
            FencerInput::Tick
            | FencerInput::Durable { .. }
            | FencerInput::DurableFailed { .. }
            | FencerInput::Power { .. }
            | FencerInput::Order { .. }
            | FencerInput::Confirm { .. } => None,
        };
        self.fencer_did(setting, node, heard, &mut effects);
    }

    fn fencer_did(
        &mut self,
        setting: &Setting,
        node: NodeId,
        heard: Option<Frame>,
        effects: &mut FencerEffects,
    ) {
        if self.story.is_some() {
            let news = effects.news.iter();
            news.for_each(|news| self.note(|| format!("fencer of {node}: {news:?}")));
        }
        self.reached.extend(effects.news.iter().filter_map(Milestone::of_news));
        self.promised(setting, node, heard, &effects.posts);
        self.post(Peer::voter(node), &effects.posts);
        let run = self.machine(node).runs;
        if let Some(state) = effects.persist.take() {
            let state = Arc::new(state);
            self.machine(node).wanted = Some(Arc::clone(&state));
            self.queue.push_back(Event::Written { node, run, state }.due());
        }
        for order in &effects.orders {
            self.queue.push_back(Event::Obey { node, run, order: *order }.due());
        }
        for proof in &effects.proofs {
            let target = self.machine(proof.target());
            let lives = (target.running(), target.serving());
            self.reached.push(Milestone::of_proof(proof.kind()));
            let broken = self.truth.proven(node, proof, lives);
            self.judge(broken);
        }
    }

    /// Keeps the truth of what a fencer grants, and of what it agrees to: when it says so, or when
    /// it asks, which agrees with itself.
    fn promised(&mut self, setting: &Setting, node: NodeId, heard: Option<Frame>, posts: &[Post]) {
        let now = self.clock(setting, node);
        let grants = posts.iter().any(|post| matches!(post.body, Body::Grant(_)));
        if let Some(frame) = heard.filter(|_| grants) {
            let life = (frame.src.node, frame.boot);
            let condemned = self.machine(node).condemns(life.0, life.1);
            let ends = self.machine(node).truly(setting, now + setting.raw.promise);
            let broken = self.truth.granted(node, life, (ends, condemned));
            self.judge(broken);
        }
        let held_until = self.machine(node).truly(setting, now + setting.raw.warrant);
        for post in posts {
            if let Some((shooter, life)) = binds(node, post) {
                self.truth.agreed((node, shooter), life, held_until);
            }
        }
    }

    fn written(&mut self, setting: &Setting, (node, run): (NodeId, u32), state: Arc<DurableState>) {
        if self.machine(node).runs == run {
            let version = state.version;
            self.truth.written(node, &state);
            self.machine(node).disk = Some(state);
            self.tell_fencer(setting, node, FencerInput::Durable { version });
        }
    }

    /// What a power engine does: pulls the warrant, sends the command or the question, reports.
    fn obey(&mut self, setting: &Setting, (node, run): (NodeId, u32), order: PowerOrder) {
        if self.machine(node).runs != run {
            return;
        }
        let report = self.command(setting, node, order).unwrap_or(PowerReport::Failed);
        self.queue.push_back(Event::Report { node, run, order: order.id, report }.due());
    }

    /// Carries an order out; nothing if nobody answers.
    pub(super) fn command(
        &mut self,
        setting: &Setting,
        node: NodeId,
        order: PowerOrder,
    ) -> Option<PowerReport> {
        if is_command(order.act) {
            self.send(setting, node, order)?;
        }
        let on = self.machine(order.id.target).powered;
        self.answer(setting, node, order, on)
    }

    /// What a BMC answers if it reads `on`; nothing if it does not, or there is no session.
    pub(super) fn answer(
        &mut self,
        setting: &Setting,
        node: NodeId,
        order: PowerOrder,
        on: bool,
    ) -> Option<PowerReport> {
        let asked_at = self.clock(setting, node);
        let (target, case) = (order.id.target, order.id.case);
        let session = |session: &&Session| (session.target, session.case) == (target, case);
        let session_at = self.machine(node).sessions.iter().find(session)?.at;
        if self.machine(target).bmc == Bmc::Dead {
            return None;
        }
        Some(match order.act {
            PowerAct::Read => PowerReport::Read { session_at, asked_at, on },
            PowerAct::Off | PowerAct::On => PowerReport::Acked { session_at },
        })
    }

    fn send(&mut self, setting: &Setting, node: NodeId, order: PowerOrder) -> Option<()> {
        let now = self.clock(setting, node);
        let (target, case) = (order.id.target, order.id.case);
        let fencer = self.machine(node).fencer.as_mut()?;
        let warrant = fencer.work(|core| core.warrant(now, order.id)).ok()?;
        let running = self.machine(target).running();
        let truly = self.machine(node).truly(setting, now);
        let broken = self.truth.commanded(node, &warrant, truly);
        self.judge(broken);
        let off = takes_power(order.act);
        self.reached.push(if off { Milestone::SwitchedOff } else { Milestone::SwitchedOn });
        if off {
            let broken = self.truth.powered_off(target, running, warrant.boot());
            self.judge(broken);
        }
        let sessions = &mut self.machine(node).sessions;
        if !sessions.iter().any(|session| (session.target, session.case) == (target, case)) {
            sessions.push(Session { target, case, at: now });
        }
        self.bmc_obeys(target, order.act, warrant.boot());
        Some(())
    }

    fn bmc_obeys(&mut self, node: NodeId, act: PowerAct, condemned: BootId) {
        let tick = self.tick;
        match (act, self.machine(node).bmc) {
            (PowerAct::Off, Bmc::Works | Bmc::Returns(_)) => self.fall(node, condemned),
            (PowerAct::Off, Bmc::Slow(ticks)) => {
                self.put_off(tick + u32::from(ticks), Event::Falls { node, condemned }.due());
            }
            (PowerAct::On, Bmc::Works | Bmc::Slow(_) | Bmc::Returns(_)) => self.power_on(node),
            (PowerAct::On | PowerAct::Off | PowerAct::Read, _) => {}
        }
    }
}

/// For whom a frame of `voter` binds it, and to which life's end: its agreement, and its own
/// question.
fn binds(voter: NodeId, post: &Post) -> Option<(NodeId, (NodeId, BootId))> {
    if let Body::Agreed(agreed) = post.body {
        return agreed.bound.then_some((post.dst.node, (agreed.target, agreed.boot)));
    }
    let Body::Condemn(Condemn { target, boot, bind: true, .. }) = post.body else { return None };
    Some((voter, (target, boot)))
}
