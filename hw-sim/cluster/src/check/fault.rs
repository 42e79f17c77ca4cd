//! What the adversary can do, and when.
//!
//! Between two ticks it breaks machines; before an event it spoils that event. Never lies for a
//! BMC and never forges: nothing could help against the one, and tags do against the other.

use std::fmt;

use palisade_fencer_core::power::PowerReport;
use palisade_fencer_core::{Input as FencerInput, PowerOrder};
use palisade_protocol::ids::NodeId;

use super::event::Event;
use super::machine::{Bmc, Machine};
use super::setting::{Menu, Mishap, Setting};
use super::state::State;

/// Longer than any run.
const FOR_GOOD: u32 = 1_000;

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing gets from one machine to another.
    Cut { from: NodeId, to: NodeId, ticks: u32 },
    /// A machine hears nobody, and nobody hears it.
    Isolated { node: NodeId, ticks: u32 },
    /// Nobody hears a machine.
    Mute { node: NodeId, ticks: u32 },
    /// A machine hears nobody.
    Deaf { node: NodeId, ticks: u32 },
    /// An agent gets no processor.
    AgentSleeps { node: NodeId, ticks: u32 },
    /// A fencer gets no processor.
    FencerSleeps { node: NodeId, ticks: u32 },
    /// A fencer dies and comes back, with its disk or without.
    FencerStops { node: NodeId, ticks: u32, disk_kept: bool },
    /// An agent is restarted; its dog runs on.
    AgentRestarts { node: NodeId },
    /// A machine is reset, and takes so long to boot.
    Reset { node: NodeId, ticks: u32 },
    /// A machine loses its power.
    PlugPulled { node: NodeId },
    /// A BMC changes its behaviour.
    BmcTurns { node: NodeId, bmc: Bmc },
    /// An operator orders a node's end at a fencer.
    Ordered { at: NodeId, target: NodeId },
    /// The event does not happen.
    Lost,
    /// The event happens later.
    Late { ticks: u32 },
    /// The event happens now, and again later.
    Again { ticks: u32 },
    /// All others of this tick overtake the event.
    Overtaken,
    /// The agent is stopped between the test of a pet and the pet.
    StoppedInPet { ticks: u32 },
    /// The disk does not write.
    NotWritten,
    /// The fencer dies before the disk has written.
    DiesUnwritten,
    /// The power engine cannot reach the BMC.
    Unreached,
    /// The BMC obeys, and its answer is lost.
    Unanswered,
}

/// Lets happen what the setting says has happened.
pub(super) fn befall(setting: &Setting, state: &mut State) {
    let (Some(mishap), Some(node)) = (setting.mishap, NodeId::new(1)) else { return };
    let fault = match mishap {
        Mishap::CutOff => Fault::Isolated { node, ticks: FOR_GOOD },
        Mishap::CutOffBriefly => Fault::Isolated { node, ticks: 3 },
        Mishap::AgentStopped => Fault::AgentSleeps { node, ticks: FOR_GOOD },
        Mishap::Unplugged => Fault::PlugPulled { node },
    };
    apply(setting, state, fault);
}

/// Everything that the adversary can do now.
pub(super) fn possible(setting: &Setting, state: &State) -> Vec<Fault> {
    match state.queue.front() {
        None => between_ticks(setting, state),
        Some(due) if setting.menu == Menu::Frames => before(state, &due.event),
        Some(_) => Vec::new(),
    }
}

/// Does it.
pub(super) fn apply(setting: &Setting, state: &mut State, fault: Fault) {
    state.note(|| format!("FAULT: {fault}"));
    let until = |ticks| state.tick + ticks;
    match fault {
        Fault::Cut { from, to, ticks } => state.cut(from, to, until(ticks)),
        Fault::Isolated { node, ticks } => cut_all(setting, state, node, (true, true), ticks),
        Fault::Mute { node, ticks } => cut_all(setting, state, node, (true, false), ticks),
        Fault::Deaf { node, ticks } => cut_all(setting, state, node, (false, true), ticks),
        Fault::AgentSleeps { node, ticks } => {
            state.machine(node).agent_sleeps = state.tick + 1 + ticks;
        }
        Fault::FencerSleeps { node, ticks } => {
            state.machine(node).fencer_sleeps = state.tick + 1 + ticks;
        }
        Fault::FencerStops { node, ticks, disk_kept } => {
            stop_fencer(state, node, ticks, disk_kept);
        }
        Fault::AgentRestarts { node } => restart_agent(setting, state, node),
        Fault::Reset { node, ticks } => state.reset(node, 1 + ticks),
        Fault::PlugPulled { node } => state.power_off(node),
        Fault::BmcTurns { node, bmc } => state.machine(node).bmc = bmc,
        Fault::Ordered { at, target } => {
            state.tell_fencer(setting, at, FencerInput::Order { target });
        }
        Fault::Lost
        | Fault::Late { .. }
        | Fault::Again { .. }
        | Fault::Overtaken
        | Fault::StoppedInPet { .. }
        | Fault::NotWritten
        | Fault::DiesUnwritten
        | Fault::Unreached
        | Fault::Unanswered => spoil(setting, state, fault),
    }
}

fn between_ticks(setting: &Setting, state: &State) -> Vec<Fault> {
    let mut all = Vec::new();
    for machine in state.machines.iter().filter(|machine| machine.up) {
        let node = machine.id;
        for ticks in [1, 3, FOR_GOOD] {
            all.push(Fault::Isolated { node, ticks });
            all.push(Fault::Mute { node, ticks });
            all.push(Fault::Deaf { node, ticks });
        }
        for to in setting.nodes().filter(|to| *to != node) {
            all.extend([1, FOR_GOOD].map(|ticks| Fault::Cut { from: node, to, ticks }));
        }
        all.extend([1, 2].map(|ticks| Fault::Reset { node, ticks }));
        if machine.agent.is_some() && machine.agent_sleeps <= state.tick {
            all.extend([1, 2, FOR_GOOD].map(|ticks| Fault::AgentSleeps { node, ticks }));
            all.extend([Fault::AgentRestarts { node }, Fault::PlugPulled { node }]);
        }
        if machine.fencer.is_some() && machine.fencer_sleeps <= state.tick {
            fencer_faults(setting, node, &mut all);
        }
    }
    for machine in &state.machines {
        if setting.has_power_devices && setting.is_member(machine.id) && machine.bmc == Bmc::Works {
            let node = machine.id;
            let ways = [Bmc::Dead, Bmc::Ignores, Bmc::Slow(1), Bmc::Slow(2)];
            all.extend(ways.map(|bmc| Fault::BmcTurns { node, bmc }));
        }
    }
    all
}

fn fencer_faults(setting: &Setting, node: NodeId, all: &mut Vec<Fault>) {
    all.extend([1, 3].map(|ticks| Fault::FencerSleeps { node, ticks }));
    for disk_kept in [true, false] {
        all.extend([1, 3].map(|ticks| Fault::FencerStops { node, ticks, disk_kept }));
    }
    let targets = setting.nodes().filter(|target| setting.is_member(*target) && *target != node);
    all.extend(targets.map(|target| Fault::Ordered { at: node, target }));
}

fn before(state: &State, event: &Event) -> Vec<Fault> {
    match event {
        Event::Arrive { to, frame } if to.node != frame.src.node => vec![
            Fault::Lost,
            Fault::Overtaken,
            Fault::Late { ticks: 1 },
            Fault::Late { ticks: 3 },
            Fault::Again { ticks: 1 },
            Fault::Again { ticks: 4 },
        ],
        Event::Arrive { .. } => vec![Fault::Overtaken, Fault::Late { ticks: 1 }],
        Event::AgentTurn { node } => {
            let pets =
                |m: &&Machine| m.id == *node && m.agent.is_some() && m.agent_sleeps <= state.tick;
            let stopped = [1, 2].map(|ticks| Fault::StoppedInPet { ticks });
            state.machines.iter().find(pets).map(|_| stopped.to_vec()).unwrap_or_default()
        }
        Event::Written { .. } => vec![
            Fault::Late { ticks: 1 },
            Fault::Late { ticks: 2 },
            Fault::NotWritten,
            Fault::DiesUnwritten,
        ],
        Event::Obey { .. } => {
            vec![Fault::Unreached, Fault::Unanswered, Fault::Late { ticks: 1 }]
        }
        Event::Report { .. } => vec![Fault::Late { ticks: 1 }],
        Event::Boot { .. }
        | Event::StartFencer { .. }
        | Event::Falls { .. }
        | Event::Bites
        | Event::FencerTurn { .. } => Vec::new(),
    }
}

/// Cuts what a machine says, what it hears, or both.
fn cut_all(
    setting: &Setting,
    state: &mut State,
    node: NodeId,
    (says, hears): (bool, bool),
    ticks: u32,
) {
    let until = state.tick + ticks;
    for other in setting.nodes().filter(|other| *other != node) {
        if says {
            state.cut(node, other, until);
        }
        if hears {
            state.cut(other, node, until);
        }
    }
}

fn stop_fencer(state: &mut State, node: NodeId, ticks: u32, disk_kept: bool) {
    let starts = state.tick + ticks;
    let machine = state.machine(node);
    machine.stop_fencer();
    if !disk_kept {
        machine.disk = None;
    }
    state.put_off(starts, Event::StartFencer { node }.due());
}

fn restart_agent(setting: &Setting, state: &mut State, node: NodeId) {
    let now = setting.clock(node, state.tick);
    let machine = state.machine(node);
    machine.count_agent_start();
    machine.start_agent(setting, now);
}

/// Does something to the next event.
fn spoil(setting: &Setting, state: &mut State, fault: Fault) {
    let Some(due) = state.queue.pop_front() else { return };
    state.note(|| format!("  to: {}", due.event));
    let tick = state.tick;
    match (fault, due.event.clone()) {
        (Fault::Late { ticks }, _) => state.put_off(tick + ticks, due),
        (Fault::Again { ticks }, event) => {
            state.put_off(tick + ticks, due);
            state.queue.push_front(event.due());
        }
        (Fault::Overtaken, _) => state.queue.push_back(due),
        (Fault::StoppedInPet { ticks }, Event::AgentTurn { node }) => {
            stop_in_pet(setting, state, node, ticks);
        }
        (Fault::NotWritten, Event::Written { node, state: durable, .. }) => {
            let version = durable.version;
            state.tell_fencer(setting, node, FencerInput::DurableFailed { version });
        }
        (Fault::DiesUnwritten, Event::Written { node, .. }) => stop_fencer(state, node, 1, true),
        (Fault::Unreached, Event::Obey { node, run, order }) => fail(state, (node, run), order),
        (Fault::Unanswered, Event::Obey { node, run, order }) => {
            if state.machine(node).runs == run {
                state.command(setting, node, order);
            }
            fail(state, (node, run), order);
        }
        _ => {}
    }
}

fn fail(state: &mut State, (node, run): (NodeId, u32), order: PowerOrder) {
    let report = PowerReport::Failed;
    state.queue.push_back(Event::Report { node, run, order: order.id, report }.due());
}

fn stop_in_pet(setting: &Setting, state: &mut State, node: NodeId, ticks: u32) {
    state.keep_agents_time(setting, node);
    let now = setting.clock(node, state.tick);
    let wakes = state.tick + ticks;
    let machine = state.machine(node);
    machine.tested_at = machine.agent.is_some().then_some(now);
    machine.agent_sleeps = wakes;
}

/// In words.
impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut { from, to, ticks } => {
                write!(out, "nothing gets from {from} to {to} for {}", Span(*ticks))
            }
            Self::Isolated { node, ticks } => write!(out, "{node} is cut off for {}", Span(*ticks)),
            Self::Mute { node, ticks } => write!(out, "nobody hears {node} for {}", Span(*ticks)),
            Self::Deaf { node, ticks } => write!(out, "{node} hears nobody for {}", Span(*ticks)),
            Self::AgentSleeps { node, ticks } => {
                write!(out, "the agent of {node} stands still for {}", Span(*ticks))
            }
            Self::FencerSleeps { node, ticks } => {
                write!(out, "the fencer of {node} stands still for {}", Span(*ticks))
            }
            Self::FencerStops { node, ticks, disk_kept } => {
                let disk = if *disk_kept { "keeps" } else { "loses" };
                write!(out, "the fencer of {node} dies for {} and {disk} its disk", Span(*ticks))
            }
            Self::AgentRestarts { node } => write!(out, "the agent of {node} is restarted"),
            Self::Reset { node, ticks } => {
                write!(out, "{node} is reset and boots for {}", Span(*ticks))
            }
            Self::PlugPulled { node } => write!(out, "{node} loses its power"),
            Self::BmcTurns { node, bmc } => write!(out, "the BMC of {node} is now: {bmc:?}"),
            Self::Ordered { at, target } => write!(out, "an operator at {at} orders {target} off"),
            Self::Lost => out.write_str("the next event is lost"),
            Self::Late { ticks } => write!(out, "the next event is late by {}", Span(*ticks)),
            Self::Again { ticks } => {
                write!(out, "the next event comes again after {}", Span(*ticks))
            }
            Self::Overtaken => out.write_str("the next event is overtaken by all of its tick"),
            Self::StoppedInPet { ticks } => {
                write!(out, "the agent is stopped between test and pet for {}", Span(*ticks))
            }
            Self::NotWritten => out.write_str("the disk does not write"),
            Self::DiesUnwritten => out.write_str("the fencer dies before its disk has written"),
            Self::Unreached => out.write_str("the power engine does not reach the BMC"),
            Self::Unanswered => out.write_str("the BMC obeys and its answer is lost"),
        }
    }
}

/// A number of ticks, in words.
struct Span(u32);

impl fmt::Display for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            FOR_GOOD => out.write_str("good"),
            1 => out.write_str("one tick"),
            ticks => write!(out, "{ticks} ticks"),
        }
    }
}
