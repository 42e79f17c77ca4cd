//! The whole cluster at one moment, and the one thing that happens next.
//!
//! Without faults everything is decided: time goes on by ticks; within a tick processes have their
//! turns in order of their nodes, then events happen in the order in which they were caused.

use std::collections::VecDeque;
use std::sync::Arc;

use palisade_agent_core::pet::PetPermit;
use palisade_agent_core::{Effects as AgentEffects, Input as AgentInput};
use palisade_fencer_core::power::PowerReport;
use palisade_fencer_core::{Effects as FencerEffects, Input as FencerInput, PowerAct, PowerOrder};
use palisade_protocol::ids::{BootId, LinkId, NodeId, Peer, Role};
use palisade_protocol::time::Instant;
use palisade_protocol::wire::{Body, Frame, Post};

use super::event::{Due, Event, is_command};
use super::fault;
use super::hash::fingerprint;
use super::machine::{Bmc, Machine, Session};
use super::milestone::Milestone;
use super::setting::Setting;
use super::truth::{Broken, Truth, takes_power};

/// Ticks from reset or power-on to running daemons.
const BOOT_TICKS: u32 = 1;

/// Ticks after which every setting is admitted and armed, if nothing breaks.
const WARM_UP_TICKS: u32 = 20;

/// One state.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) tick: u32,
    ends: u32,
    pub(super) steps: u32,
    pub(super) machines: Vec<Machine>,
    pub(super) queue: VecDeque<Due>,
    later: Vec<(u32, Due)>,
    /// Until which tick nothing gets from one machine to another.
    cuts: Vec<((NodeId, NodeId), u32)>,
    truth: Truth,
    /// The first promise that did not hold.
    pub(super) broken: Option<Broken>,
    /// What happened, if somebody wants to read it.
    pub(super) story: Option<Vec<String>>,
    /// What the last step reached.
    pub(super) reached: Vec<Milestone>,
}

impl State {
    /// A cluster that is admitted and armed, or just switched on if the setting says so, with the
    /// adversary's time before it.
    ///
    /// # Panics
    /// If nothing breaks, and yet a member is not armed in time.
    pub(super) fn new(setting: &Setting) -> Self {
        Self::begin(setting, None)
    }

    /// The same, and whatever happens is told.
    pub(super) fn told(setting: &Setting) -> Self {
        Self::begin(setting, Some(Vec::new()))
    }

    fn begin(setting: &Setting, story: Option<Vec<String>>) -> Self {
        let mut state = Self {
            tick: 0,
            ends: if setting.cold { 0 } else { WARM_UP_TICKS },
            steps: 0,
            machines: setting.nodes().map(Machine::new).collect(),
            queue: VecDeque::new(),
            later: setting.nodes().map(|node| (1, Event::Boot { node }.due())).collect(),
            cuts: Vec::new(),
            truth: Truth::new(usize::from(setting.voters)),
            broken: None,
            story,
            reached: Vec::new(),
        };
        while !state.is_over() {
            state.step(setting);
        }
        let armed = state.is_armed(setting) || setting.cold || state.broken.is_some();
        assert!(armed, "{}: left alone, every member is admitted and armed", setting.name);
        if let Some(story) = state.story.as_mut().filter(|_| state.broken.is_none()) {
            story.clear();
        }
        state.steps = 0;
        state.ends = state.tick + setting.ticks;
        fault::befall(setting, &mut state);
        state
    }

    /// Whether the adversary's time is up.
    pub(super) fn is_over(&self) -> bool {
        self.broken.is_some() || (self.queue.is_empty() && self.tick >= self.ends)
    }

    /// Whether every member's dog is armed.
    fn is_armed(&self, setting: &Setting) -> bool {
        let armed = |machine: &Machine| machine.bites_at.is_some();
        self.machines.iter().filter(|m| setting.is_member(m.id)).all(armed)
    }

    /// All that decides what follows.
    pub(super) fn print(&self) -> u64 {
        let mut words = Vec::with_capacity(64);
        words.push(u64::from(self.tick));
        words.extend(self.machines.iter().map(Machine::print));
        words.extend(self.queue.iter().map(|due| due.print));
        words.push(0);
        words.extend(self.later.iter().flat_map(|(tick, due)| [u64::from(*tick), due.print]));
        fingerprint(&(words, &self.cuts, &self.truth))
    }

    /// Lets the next thing happen.
    pub(super) fn step(&mut self, setting: &Setting) {
        self.steps += 1;
        self.reached.clear();
        match self.queue.pop_front() {
            Some(due) => self.happen(setting, due),
            None => self.next_tick(setting),
        }
    }

    /// Puts an event off.
    pub(super) fn put_off(&mut self, tick: u32, due: Due) {
        self.later.push((tick, due));
    }

    /// Lets nothing through from one machine to another until after `tick`.
    pub(super) fn cut(&mut self, from: NodeId, to: NodeId, tick: u32) {
        self.cuts.retain(|(ends, _)| *ends != (from, to));
        self.cuts.push(((from, to), tick));
        self.cuts.sort_unstable();
    }

    pub(super) fn note(&mut self, what: impl FnOnce() -> String) {
        let tick = self.tick;
        if let Some(story) = &mut self.story {
            story.push(format!("tick {tick}: {}", what()));
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

    /// A machine by its name.
    pub(super) fn machine(&mut self, node: NodeId) -> &mut Machine {
        let found = self.machines.iter_mut().find(|machine| machine.id == node);
        let Some(machine) = found else { unreachable!("every node named here is a machine") };
        machine
    }

    pub(super) fn tell_fencer(&mut self, setting: &Setting, node: NodeId, input: FencerInput) {
        let now = setting.clock(node, self.tick);
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
        self.fencer_did(setting, node, heard, effects);
    }

    fn next_tick(&mut self, setting: &Setting) {
        self.tick += 1;
        let tick = self.tick;
        self.cuts.retain(|(_, until)| *until >= tick);
        self.bite(setting, |bites_at, now| bites_at < now);
        self.finish_stopped_pets(setting);
        let (due, later): (Vec<_>, Vec<_>) = self.later.drain(..).partition(|(at, _)| *at <= tick);
        self.later = later;
        self.queue.extend(due.into_iter().map(|(_, due)| due));
        let nodes: Vec<NodeId> = setting.nodes().collect();
        self.queue.extend(nodes.iter().map(|node| Event::AgentTurn { node: *node }.due()));
        self.queue.push_back(Event::Bites.due());
        self.queue.extend(nodes.iter().map(|node| Event::FencerTurn { node: *node }.due()));
    }

    fn happen(&mut self, setting: &Setting, due: Due) {
        if let Some(wakes) = self.sleeps(&due.event) {
            let missed = matches!(due.event, Event::AgentTurn { .. } | Event::FencerTurn { .. });
            if !missed {
                self.put_off(wakes, due);
            }
            return;
        }
        let event = due.event;
        if self.story.is_some() {
            self.note(|| event.to_string());
        }
        match event {
            Event::Boot { node } => self.boot(setting, node),
            Event::StartFencer { node } => self.start_fencer(setting, node),
            Event::Falls { node, condemned } => self.fall(node, condemned),
            Event::AgentTurn { node } => self.agent_turn(setting, node),
            Event::Bites => self.bite(setting, |bites_at, now| bites_at <= now),
            Event::FencerTurn { node } => self.tell_fencer(setting, node, FencerInput::Tick),
            Event::Arrive { to, frame } => self.arrive(setting, to, frame),
            Event::Written { node, run, state } => {
                if self.machine(node).runs == run {
                    let version = state.version;
                    self.truth.written(node, &state);
                    self.machine(node).disk = Some(state);
                    self.tell_fencer(setting, node, FencerInput::Durable { version });
                }
            }
            Event::Obey { node, run, order } => self.obey(setting, (node, run), order),
            Event::Report { node, run, order, report } => {
                if self.machine(node).runs == run {
                    self.tell_fencer(setting, node, FencerInput::Power { order, report });
                }
            }
        }
    }

    /// When the process that an event needs gets the processor again, if it has not got it now.
    /// Turns are not made up for.
    fn sleeps(&mut self, event: &Event) -> Option<u32> {
        let tick = self.tick;
        let agent = event.agent().map(|node| self.machine(node).agent_sleeps);
        let fencer = event.fencer().map(|node| self.machine(node).fencer_sleeps);
        agent.or(fencer).filter(|wakes| *wakes > tick)
    }

    fn boot(&mut self, setting: &Setting, node: NodeId) {
        let now = setting.clock(node, self.tick);
        let machine = self.machine(node);
        if machine.powered && !machine.up {
            machine.boot(setting, now);
        }
    }

    fn start_fencer(&mut self, setting: &Setting, node: NodeId) {
        let now = setting.clock(node, self.tick);
        let machine = self.machine(node);
        if machine.up && machine.fencer.is_none() {
            machine.count_fencer_start();
            machine.start_fencer(setting, now);
        }
    }

    fn bite(&mut self, setting: &Setting, due: impl Fn(Instant, Instant) -> bool) {
        let nodes: Vec<NodeId> = setting.nodes().collect();
        for node in nodes {
            let now = setting.clock(node, self.tick);
            if self.machine(node).bites_at.is_some_and(|bites_at| due(bites_at, now)) {
                self.note(|| format!("the dog of {node} bites"));
                self.reached.push(Milestone::Bitten);
                self.reset(node, BOOT_TICKS);
            }
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
    }

    /// The first half of an agent's turn, before it asks whether it may pet.
    pub(super) fn keep_agents_time(&mut self, setting: &Setting, node: NodeId) {
        self.tell_agent(setting, node, AgentInput::Tick);
    }

    fn agent_turn(&mut self, setting: &Setting, node: NodeId) {
        self.keep_agents_time(setting, node);
        let now = setting.clock(node, self.tick);
        let agent = self.machine(node).agent.as_ref();
        let Some(Ok(permit)) = agent.map(|agent| agent.core().pet_decision(now)) else { return };
        self.pet(setting, node, permit, now + setting.raw.stall);
    }

    /// Pets that an agent was stopped in, and now completes.
    fn finish_stopped_pets(&mut self, setting: &Setting) {
        let nodes: Vec<NodeId> = setting.nodes().collect();
        for node in nodes {
            let now = setting.clock(node, self.tick);
            let wakes = self.machine(node).agent_sleeps <= self.tick;
            let Some(tested_at) = self.machine(node).tested_at.take_if(|_| wakes) else { continue };
            let agent = self.machine(node).agent.as_ref();
            let permit = agent.map(|agent| agent.core().pet_decision(tested_at));
            if let Some(Ok(permit)) = permit {
                self.note(|| format!("the agent of {node} completes its pet"));
                self.pet(setting, node, permit, now);
            }
        }
    }

    /// The dog is petted, and the agent told.
    fn pet(&mut self, setting: &Setting, node: NodeId, permit: PetPermit, done_at: Instant) {
        let machine = self.machine(node);
        let bites_at = done_at + setting.true_fire;
        let life = (node, machine.boot_id());
        let first = !std::mem::replace(&mut machine.opened, true);
        machine.bites_at = Some(bites_at);
        let timely = done_at.since(permit.tested_at()) <= setting.raw.stall;
        let broken = self.truth.petted(life, setting.truly(node, bites_at)).filter(|_| timely);
        self.judge(broken);
        let input = if first {
            AgentInput::Armed { permit, done_at }
        } else {
            AgentInput::Petted { permit, done_at }
        };
        self.tell_agent(setting, node, input);
    }

    fn tell_agent(&mut self, setting: &Setting, node: NodeId, input: AgentInput) {
        let now = setting.clock(node, self.tick);
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
    }

    fn fencer_did(
        &mut self,
        setting: &Setting,
        node: NodeId,
        heard: Option<Frame>,
        effects: FencerEffects,
    ) {
        if self.story.is_some() {
            effects
                .news
                .iter()
                .for_each(|news| self.note(|| format!("fencer of {node}: {news:?}")));
        }
        self.reached.extend(effects.news.iter().filter_map(Milestone::of_news));
        let promise_ends = setting.clock(node, self.tick) + setting.raw.promise;
        let grants = effects.posts.iter().filter(|post| matches!(post.body, Body::Grant(_)));
        if let Some(frame) = heard.filter(|_| grants.count() > 0) {
            let ends = setting.truly(node, promise_ends);
            self.truth.granted(node, (frame.src.node, frame.boot), ends);
        }
        self.post(Peer::voter(node), &effects.posts);
        let run = self.machine(node).runs;
        if let Some(state) = effects.persist {
            let state = Arc::new(state);
            self.queue.push_back(Event::Written { node, run, state }.due());
        }
        for order in effects.orders {
            self.queue.push_back(Event::Obey { node, run, order }.due());
        }
        for proof in effects.proofs {
            let running = self.machine(proof.target()).running();
            self.reached.extend(Milestone::of_proof(proof.kind()));
            self.judge(Truth::proven(node, &proof, running));
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

    fn arrive(&mut self, setting: &Setting, to: Peer, frame: Frame) {
        match to.role {
            Role::Member => self.tell_agent(setting, to.node, AgentInput::Heard(frame)),
            Role::Voter => self.tell_fencer(setting, to.node, FencerInput::Heard(frame)),
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
        let now = setting.clock(node, self.tick);
        let (target, case) = (order.id.target, order.id.case);
        if is_command(order.act) {
            self.act(setting, node, order)?;
        }
        let session = |session: &&Session| (session.target, session.case) == (target, case);
        let session_at = self.machine(node).sessions.iter().find(session)?.at;
        if self.machine(target).bmc == Bmc::Dead {
            return None;
        }
        let on = self.machine(target).powered;
        Some(match order.act {
            PowerAct::Read => PowerReport::Read { session_at, asked_at: now, on },
            PowerAct::Off | PowerAct::On => PowerReport::Acked { session_at },
        })
    }

    fn act(&mut self, setting: &Setting, node: NodeId, order: PowerOrder) -> Option<()> {
        let now = setting.clock(node, self.tick);
        let (target, case) = (order.id.target, order.id.case);
        let fencer = self.machine(node).fencer.as_mut()?;
        let warrant = fencer.work(|core| core.warrant(now, order.id)).ok()?;
        let running = self.machine(target).running();
        let broken = self.truth.commanded(node, &warrant);
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
            (PowerAct::Off, Bmc::Works) => self.fall(node, condemned),
            (PowerAct::Off, Bmc::Slow(ticks)) => {
                self.put_off(tick + u32::from(ticks), Event::Falls { node, condemned }.due());
            }
            (PowerAct::On, Bmc::Works | Bmc::Slow(_)) if !self.machine(node).powered => {
                self.machine(node).powered = true;
                self.put_off(tick + BOOT_TICKS, Event::Boot { node }.due());
            }
            (PowerAct::On | PowerAct::Off | PowerAct::Read, _) => {}
        }
    }

    fn judge(&mut self, broken: Option<Broken>) {
        if self.broken.is_none() {
            self.broken = broken;
        }
    }
}
