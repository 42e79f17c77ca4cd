//! The whole cluster at one moment, and the one thing that happens next.
//!
//! Without faults everything is decided: time goes on by ticks; within a tick processes have their
//! turns in order of their nodes, then events happen in the order in which they were caused. What
//! each of them does stands in `acting`.

use std::collections::VecDeque;
use std::hash::{Hash as _, Hasher as _};

use palisade_protocol::ids::NodeId;
use palisade_protocol::time::Instant;

use super::event::{Due, Event};
use super::fault;
use super::hash::Mix;
use super::machine::Machine;
use super::milestone::Milestone;
use super::setting::{Menu, Setting};
use super::truth::{Broken, PROMISES, Truth};

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
    /// What happens in a later tick after the turns of all processes.
    after_turns: Vec<(u32, Due)>,
    /// Until which tick nothing gets from one machine to another.
    pub(super) cuts: Vec<((NodeId, NodeId), u32)>,
    /// Whether a BMC has misread already.
    pub(super) misread: bool,
    pub(super) truth: Truth,
    /// The first promise that did not hold.
    pub(super) broken: Option<Broken>,
    /// What happened, if somebody wants to read it.
    pub(super) story: Option<Vec<String>>,
    /// What the last step reached.
    pub(super) reached: Vec<Milestone>,
}

impl State {
    /// A cluster that is admitted and armed, or just switched on if the setting says so, with the
    /// adversary's time before it. A member that is not armed by then breaks L2.
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
            after_turns: Vec::new(),
            cuts: Vec::new(),
            misread: false,
            truth: Truth::new(usize::from(setting.voters)),
            broken: None,
            story,
            reached: Vec::new(),
        };
        while !state.is_over() {
            state.step(setting);
        }
        if !setting.cold && !state.is_armed(setting) {
            let why = "left alone, a member is not armed".to_owned();
            state.judge(Some(Broken { promise: "L2", why }));
        }
        if let Some(story) = state.story.as_mut().filter(|_| state.broken.is_none()) {
            story.clear();
        }
        state.steps = 0;
        state.ends = state.tick + setting.ticks;
        state.befall(setting);
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

    /// Whether any frame of now may be lost at no cost.
    pub(super) fn is_lossy(&self, setting: &Setting) -> bool {
        setting.lossy_ticks.is_some_and(|ticks| self.tick <= self.begun(setting) + ticks)
    }

    /// When the adversary's time began.
    const fn begun(&self, setting: &Setting) -> u32 {
        self.ends.saturating_sub(setting.ticks)
    }

    /// The end of a span that begins now; no later than just after the end of the run, which makes
    /// no difference.
    pub(super) fn until(&self, ticks: u32) -> u32 {
        self.tick.saturating_add(ticks).min(self.ends + 1)
    }

    /// All that decides what follows, and how it is judged.
    pub(super) fn print(&mut self) -> u64 {
        let mut mix = Mix::new();
        mix.word(u64::from(self.tick));
        for machine in &mut self.machines {
            machine.print(&mut mix);
        }
        self.queue.iter().for_each(|due| mix.word(due.print));
        mix.word(self.queue.len() as u64);
        for (tick, due) in self.later.iter().chain(&self.after_turns) {
            mix.word(u64::from(*tick));
            mix.word(due.print);
        }
        (self.later.len(), &self.cuts, self.misread).hash(&mut mix);
        self.truth.print(&mut mix);
        mix.finish()
    }

    /// Lets the next thing happen.
    pub(super) fn step(&mut self, setting: &Setting) {
        self.steps += 1;
        self.reached.clear();
        self.truth.judged = [0; PROMISES.len()];
        match self.queue.pop_front() {
            Some(due) => self.happen(setting, due),
            None => self.next_tick(setting),
        }
        if setting.menu == Menu::Gentle {
            let broken = self.truth.spared(&self.reached);
            self.judge(broken);
        }
    }

    /// Puts an event off; what would happen after the end of the run does not.
    pub(super) fn put_off(&mut self, tick: u32, due: Due) {
        if tick <= self.ends {
            self.later.push((tick, due));
        }
    }

    /// Puts an event off for somebody other than the process that it needs: in that tick, all have
    /// had their turns before.
    pub(super) fn put_off_by_others(&mut self, tick: u32, due: Due) {
        if tick <= self.ends {
            self.after_turns.push((tick, due));
        }
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

    /// A machine by its name.
    pub(super) fn machine(&mut self, node: NodeId) -> &mut Machine {
        let found = self.machines.iter_mut().find(|machine| machine.id == node);
        let Some(machine) = found else { unreachable!("every node named here is a machine") };
        machine
    }

    /// What a machine's clock shows now.
    pub(super) fn clock(&mut self, setting: &Setting, node: NodeId) -> Instant {
        let tick = self.tick;
        self.machine(node).clock(setting, tick)
    }

    /// Notes the first promise that did not hold.
    pub(super) fn judge(&mut self, broken: Option<Broken>) {
        if self.broken.is_none() {
            self.broken = broken;
        }
    }

    /// Lets happen what the setting says happens now.
    fn befall(&mut self, setting: &Setting) {
        let since = self.tick - self.begun(setting);
        for (_, mishap) in setting.mishaps.iter().filter(|(at, _)| *at == since) {
            mishap.fault().into_iter().for_each(|fault| fault::apply(setting, self, fault));
        }
    }

    fn next_tick(&mut self, setting: &Setting) {
        self.tick += 1;
        let tick = self.tick;
        self.cuts.retain(|(_, until)| *until >= tick);
        self.machines.iter_mut().for_each(|machine| machine.tick(tick));
        self.bite(setting, |bites_at, now| bites_at < now);
        self.finish_stopped_pets(setting);
        self.queue.extend(take_due(&mut self.later, tick));
        let nodes = || setting.nodes();
        let turns = nodes().filter(|node| setting.is_member(*node));
        self.queue.extend(turns.map(|node| Event::AgentTurn { node }.due()));
        self.queue.push_back(Event::Bites.due());
        let turns = nodes().filter(|node| setting.is_voter(*node));
        self.queue.extend(turns.map(|node| Event::FencerTurn { node }.due()));
        self.queue.extend(take_due(&mut self.after_turns, tick));
        if self.tick > WARM_UP_TICKS || setting.cold {
            self.befall(setting);
        }
    }

    fn happen(&mut self, setting: &Setting, due: Due) {
        if let Some(wakes) = self.sleeps(&due.event) {
            let missed = matches!(due.event, Event::AgentTurn { .. } | Event::FencerTurn { .. });
            if !missed {
                self.put_off(wakes, due);
            }
            return;
        }
        if self.story.is_some() {
            let event = due.event.to_string();
            self.note(|| event);
        }
        self.act(setting, due.event);
    }

    /// When the process that an event needs gets the processor again, if it has not got it now.
    /// Turns are not made up for.
    fn sleeps(&mut self, event: &Event) -> Option<u32> {
        let tick = self.tick;
        let agent =
            event.agent().map(|node| self.machine(node)).map(|m| m.agent_sleeps.max(m.paused));
        let fencer =
            event.fencer().map(|node| self.machine(node)).map(|m| m.fencer_sleeps.max(m.paused));
        agent.or(fencer).filter(|wakes| *wakes > tick)
    }
}

/// Takes what is due at `tick` out of `later`, in order.
fn take_due(later: &mut Vec<(u32, Due)>, tick: u32) -> impl Iterator<Item = Due> + use<> {
    let (due, still): (Vec<_>, Vec<_>) = later.drain(..).partition(|(at, _)| *at <= tick);
    *later = still;
    due.into_iter().map(|(_, due)| due)
}
