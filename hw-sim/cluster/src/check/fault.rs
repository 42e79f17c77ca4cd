//! What can go wrong, and what becomes of it.
//!
//! Never forges a frame: tags do against that. A BMC may misread once in a run; nothing could help
//! against one that lies on.

use std::fmt;

use palisade_agent_core::Input as AgentInput;
use palisade_fencer_core::power::PowerReport;
use palisade_fencer_core::{Input as FencerInput, PowerOrder};
use palisade_protocol::ids::NodeId;

use super::event::Event;
use super::machine::Bmc;
use super::setting::Setting;
use super::state::State;

/// Longer than any run.
pub(super) const FOR_GOOD: u32 = 1_000;

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing gets from one machine to another.
    Cut { from: NodeId, to: NodeId, ticks: u32 },
    /// Two machines do not hear each other.
    Severed { one: NodeId, other: NodeId, ticks: u32 },
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
    /// All fencers but one, or all, die and come back together.
    FencersStop { spared: Option<NodeId>, ticks: u32, disks_kept: bool },
    /// An agent is told to leave, and started again so many ticks later.
    Leaves { node: NodeId, ticks: u32 },
    /// A service fails.
    ServiceFails { node: NodeId },
    /// A hypervisor pauses a machine: its clock and its dog stand still too.
    Paused { node: NodeId, ticks: u32 },
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
    /// An operator who sees that a node is down confirms it at a fencer.
    Confirmed { at: NodeId, target: NodeId },
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
    /// The BMC reads off, whatever is so.
    Misread,
}

/// Does it.
pub(super) fn apply(setting: &Setting, state: &mut State, fault: Fault) {
    state.note(|| format!("FAULT: {fault}"));
    let (tick, last) = (state.tick, state.until(FOR_GOOD));
    let until = |ticks: u32| (tick + ticks).min(last);
    match fault {
        Fault::Cut { from, to, ticks } => state.cut(from, to, until(ticks)),
        Fault::Severed { one, other, ticks } => {
            state.cut(one, other, until(ticks));
            state.cut(other, one, until(ticks));
        }
        Fault::Isolated { node, ticks } => cut_all(setting, state, node, (true, true), ticks),
        Fault::Mute { node, ticks } => cut_all(setting, state, node, (true, false), ticks),
        Fault::Deaf { node, ticks } => cut_all(setting, state, node, (false, true), ticks),
        Fault::AgentSleeps { node, ticks } => {
            state.machine(node).agent_sleeps = until(1 + ticks);
        }
        Fault::FencerSleeps { node, ticks } => {
            state.machine(node).fencer_sleeps = until(1 + ticks);
        }
        Fault::FencerStops { node, ticks, disk_kept } => {
            stop_fencer(state, node, ticks, disk_kept);
        }
        Fault::FencersStop { spared, ticks, disks_kept } => {
            let stops = |node: &NodeId| setting.is_voter(*node) && Some(*node) != spared;
            for node in setting.nodes().filter(stops) {
                stop_fencer(state, node, ticks, disks_kept);
            }
        }
        Fault::Leaves { node, ticks } => leave(setting, state, node, ticks),
        Fault::ServiceFails { node } => state.machine(node).service_failed = true,
        Fault::Paused { node, ticks } => state.machine(node).paused = until(1 + ticks),
        Fault::AgentRestarts { node } => state.restart_agent(setting, node),
        Fault::Reset { node, ticks } => state.reset(node, 1 + ticks),
        Fault::PlugPulled { node } => state.power_off(node),
        Fault::BmcTurns { node, bmc } => state.machine(node).bmc = bmc,
        Fault::Ordered { at, target } => {
            state.tell_fencer(setting, at, FencerInput::Order { target });
        }
        Fault::Confirmed { at, target } => {
            if state.machine(target).running().is_none() {
                state.tell_fencer(setting, at, FencerInput::Confirm { target });
            }
        }
        Fault::Lost
        | Fault::Late { .. }
        | Fault::Again { .. }
        | Fault::Overtaken
        | Fault::StoppedInPet { .. }
        | Fault::NotWritten
        | Fault::DiesUnwritten
        | Fault::Unreached
        | Fault::Unanswered
        | Fault::Misread => spoil(setting, state, fault),
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
    let until = state.until(ticks);
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

fn leave(setting: &Setting, state: &mut State, node: NodeId, ticks: u32) {
    let Some(boot) = state.machine(node).running() else { return };
    state.machine(node).gave_up = !setting.has_service;
    state.tell_agent(setting, node, AgentInput::Leave);
    if ticks < FOR_GOOD {
        state.put_off(state.tick + ticks, Event::StartAgent { node, boot }.due());
    }
}

/// Does something to the next event.
fn spoil(setting: &Setting, state: &mut State, fault: Fault) {
    let Some(due) = state.queue.pop_front() else { return };
    state.note(|| format!("  to: {}", due.event));
    let tick = state.tick;
    match (fault, due.event.clone()) {
        (Fault::Late { ticks }, Event::Obey { .. } | Event::Report { .. }) => {
            state.put_off_by_others(tick + ticks, due);
        }
        (Fault::Late { ticks }, _) => state.put_off(tick + ticks, due),
        (Fault::Again { ticks }, event @ Event::Obey { .. }) => {
            state.put_off_by_others(tick + ticks, due);
            state.queue.push_front(event.due());
        }
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
        (Fault::Misread, Event::Obey { node, run, order }) => {
            misread(setting, state, (node, run), order);
        }
        _ => {}
    }
}

fn misread(setting: &Setting, state: &mut State, (node, run): (NodeId, u32), order: PowerOrder) {
    state.misread = true;
    let report = state.answer(setting, node, order, false).unwrap_or(PowerReport::Failed);
    state.queue.push_back(Event::Report { node, run, order: order.id, report }.due());
}

fn fail(state: &mut State, (node, run): (NodeId, u32), order: PowerOrder) {
    let report = PowerReport::Failed;
    state.queue.push_back(Event::Report { node, run, order: order.id, report }.due());
}

fn stop_in_pet(setting: &Setting, state: &mut State, node: NodeId, ticks: u32) {
    state.keep_agents_time(setting, node);
    let now = state.clock(setting, node);
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
            Self::Severed { one, other, ticks } => {
                write!(out, "{one} and {other} do not hear each other for {}", Span(*ticks))
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
            Self::FencersStop { spared, ticks, disks_kept } => {
                let disks = if *disks_kept { "keep" } else { "lose" };
                write!(out, "all fencers")?;
                if let Some(spared) = spared {
                    write!(out, " but that of {spared}")?;
                }
                write!(out, " die for {} and {disks} their disks", Span(*ticks))
            }
            Self::Leaves { node, ticks: FOR_GOOD } => write!(out, "{node} leaves"),
            Self::Leaves { node, ticks } => {
                write!(out, "{node} leaves, its agent starts again after {}", Span(*ticks))
            }
            Self::ServiceFails { node } => write!(out, "the service of {node} fails"),
            Self::Paused { node, ticks } => {
                write!(out, "{node} is paused with its clock and its dog for {}", Span(*ticks))
            }
            Self::AgentRestarts { node } => write!(out, "the agent of {node} is restarted"),
            Self::Reset { node, ticks } => {
                write!(out, "{node} is reset and boots for {}", Span(*ticks))
            }
            Self::PlugPulled { node } => write!(out, "{node} loses its power"),
            Self::BmcTurns { node, bmc } => write!(out, "the BMC of {node} is now: {bmc:?}"),
            Self::Ordered { at, target } => write!(out, "an operator at {at} orders {target} off"),
            Self::Confirmed { at, target } => {
                write!(out, "an operator who sees that {target} is down confirms it at {at}")
            }
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
            Self::Misread => out.write_str("the BMC reads off, whatever is so"),
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
