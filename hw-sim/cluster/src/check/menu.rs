//! What the adversary may choose from at a state.
//!
//! Between two ticks it breaks machines; before an event it spoils that event.

use palisade_fencer_core::PowerAct;
use palisade_protocol::ids::NodeId;

use super::event::Event;
use super::fault::{FOR_GOOD, Fault};
use super::machine::{Bmc, Machine};
use super::setting::{Menu, Setting};
use super::state::State;

/// Everything that the adversary can do now, at the cost of a fault.
pub(super) fn possible(setting: &Setting, state: &State) -> Vec<Fault> {
    let mut all = Vec::new();
    match state.queue.front() {
        None => between_ticks(setting, state, &mut all),
        Some(due) if setting.menu.has_frames() => before(setting, state, &due.event, &mut all),
        Some(_) => {}
    }
    all.retain(|fault| is_served(setting.menu, fault));
    all
}

/// What it can do now at no cost.
pub(super) fn free(setting: &Setting, state: &State) -> Option<Fault> {
    let due = state.queue.front().filter(|_| state.is_lossy(setting))?;
    let crosses = matches!(&due.event, Event::Arrive { to, frame } if to.node != frame.src.node);
    crosses.then_some(Fault::Lost)
}

/// Whether a fault is on this menu.
fn is_served(menu: Menu, fault: &Fault) -> bool {
    match menu {
        Menu::Machines | Menu::Frames => true,
        Menu::Few | Menu::FewFrames => is_among_the_few(fault),
        Menu::Gentle => is_gentle(fault),
    }
}

/// One of each kind: what ends within a run, and what does not if nothing else is like it.
fn is_among_the_few(fault: &Fault) -> bool {
    match fault {
        Fault::Cut { .. } | Fault::Severed { .. } | Fault::Overtaken | Fault::Ordered { .. } => {
            false
        }
        Fault::Isolated { ticks, .. } => *ticks > 1,
        Fault::Mute { ticks, .. } | Fault::Deaf { ticks, .. } => *ticks == 3,
        Fault::AgentSleeps { ticks, .. }
        | Fault::StoppedInPet { ticks }
        | Fault::Paused { ticks, .. } => *ticks == 2,
        Fault::Leaves { ticks, .. } => *ticks == 2,
        Fault::FencerSleeps { ticks, .. } => *ticks == 3,
        Fault::FencersStop { ticks, disks_kept, .. } => *ticks == 1 && *disks_kept,
        Fault::FencerStops { ticks, .. } | Fault::Reset { ticks, .. } | Fault::Late { ticks } => {
            *ticks == 1
        }
        Fault::Again { ticks } => *ticks == 4,
        Fault::BmcTurns { bmc, .. } => !matches!(bmc, Bmc::Slow(1)),
        Fault::ServiceFails { .. }
        | Fault::AgentRestarts { .. }
        | Fault::PlugPulled { .. }
        | Fault::Confirmed { .. }
        | Fault::Lost
        | Fault::NotWritten
        | Fault::DiesUnwritten
        | Fault::Unreached
        | Fault::Unanswered
        | Fault::Misread => true,
    }
}

/// What the design says fences nobody: one link, one voter, one frame. A restarted agent is heard
/// again only a beat later, which here is longer than patience lasts; that is not on the menu.
fn is_gentle(fault: &Fault) -> bool {
    match fault {
        Fault::Cut { .. }
        | Fault::Severed { .. }
        | Fault::FencerSleeps { .. }
        | Fault::FencerStops { .. }
        | Fault::Lost
        | Fault::Late { .. }
        | Fault::Again { .. }
        | Fault::Overtaken => true,
        Fault::Isolated { .. }
        | Fault::Mute { .. }
        | Fault::Deaf { .. }
        | Fault::AgentSleeps { .. }
        | Fault::FencersStop { .. }
        | Fault::Leaves { .. }
        | Fault::ServiceFails { .. }
        | Fault::Paused { .. }
        | Fault::AgentRestarts { .. }
        | Fault::Reset { .. }
        | Fault::PlugPulled { .. }
        | Fault::BmcTurns { .. }
        | Fault::Ordered { .. }
        | Fault::Confirmed { .. }
        | Fault::StoppedInPet { .. }
        | Fault::NotWritten
        | Fault::DiesUnwritten
        | Fault::Unreached
        | Fault::Unanswered
        | Fault::Misread => false,
    }
}

fn between_ticks(setting: &Setting, state: &State, all: &mut Vec<Fault>) {
    let running = |machine: &&Machine| machine.up && !machine.is_paused(state.tick);
    for machine in state.machines.iter().filter(running) {
        machine_faults(setting, machine.id, all);
        if machine.agent.is_some() && machine.agent_sleeps <= state.tick {
            agent_faults(setting, machine, all);
        }
        if machine.fencer.is_some() && machine.fencer_sleeps <= state.tick {
            fencer_faults(setting, state, machine.id, all);
        }
    }
    majority_faults(setting, all);
    for machine in &state.machines {
        if setting.has_power_devices && setting.is_member(machine.id) && machine.bmc == Bmc::Works {
            let node = machine.id;
            let ways = [Bmc::Dead, Bmc::Ignores, Bmc::Slow(1), Bmc::Slow(2), Bmc::Returns(1)];
            all.extend(ways.map(|bmc| Fault::BmcTurns { node, bmc }));
        }
    }
}

fn machine_faults(setting: &Setting, node: NodeId, all: &mut Vec<Fault>) {
    for ticks in [1, 3, FOR_GOOD] {
        all.push(Fault::Isolated { node, ticks });
        all.push(Fault::Mute { node, ticks });
        all.push(Fault::Deaf { node, ticks });
    }
    for other in setting.nodes().filter(|other| *other != node) {
        all.extend([1, FOR_GOOD].map(|ticks| Fault::Cut { from: node, to: other, ticks }));
        let severed = |ticks| Fault::Severed { one: node, other, ticks };
        all.extend([3, FOR_GOOD].map(severed).into_iter().filter(|_| node < other));
    }
    all.extend([1, 2].map(|ticks| Fault::Reset { node, ticks }));
    if setting.is_virtual(node) {
        all.extend([2, 5, FOR_GOOD].map(|ticks| Fault::Paused { node, ticks }));
    }
}

fn agent_faults(setting: &Setting, machine: &Machine, all: &mut Vec<Fault>) {
    let node = machine.id;
    all.extend([1, 2, FOR_GOOD].map(|ticks| Fault::AgentSleeps { node, ticks }));
    all.extend([Fault::AgentRestarts { node }, Fault::PlugPulled { node }]);
    if setting.has_service && !machine.service_failed {
        all.push(Fault::ServiceFails { node });
    }
    if !setting.has_service && !machine.gave_up {
        all.extend([2, FOR_GOOD].map(|ticks| Fault::Leaves { node, ticks }));
    }
}

fn fencer_faults(setting: &Setting, state: &State, node: NodeId, all: &mut Vec<Fault>) {
    all.extend([1, 3].map(|ticks| Fault::FencerSleeps { node, ticks }));
    for disk_kept in [true, false] {
        all.extend([1, 3].map(|ticks| Fault::FencerStops { node, ticks, disk_kept }));
    }
    let targets = || setting.nodes().filter(|target| setting.is_member(*target) && *target != node);
    all.extend(targets().map(|target| Fault::Ordered { at: node, target }));
    let down =
        |target: &NodeId| state.machines.iter().any(|machine| machine.id == *target && !machine.up);
    all.extend(targets().filter(down).map(|target| Fault::Confirmed { at: node, target }));
}

/// Together, which no two faults do: all fencers, or all but one.
fn majority_faults(setting: &Setting, all: &mut Vec<Fault>) {
    let voters = setting.nodes().filter(|node| setting.is_voter(*node));
    for spared in voters.map(Some).chain([None]) {
        for disks_kept in [true, false] {
            all.extend([1, 3].map(|ticks| Fault::FencersStop { spared, ticks, disks_kept }));
        }
    }
}

fn before(setting: &Setting, state: &State, event: &Event, all: &mut Vec<Fault>) {
    match event {
        Event::Arrive { to, frame } => {
            all.extend([Fault::Overtaken, Fault::Late { ticks: 1 }]);
            if to.node != frame.src.node {
                all.extend([Fault::Lost, Fault::Late { ticks: 3 }]);
                all.extend([1, 4].map(|ticks| Fault::Again { ticks }));
                let replay = (setting.replay_after > 0).then_some(setting.replay_after);
                all.extend(replay.map(|ticks| Fault::Again { ticks }));
            }
        }
        Event::AgentTurn { node } => {
            let pets =
                |m: &Machine| m.id == *node && m.agent.is_some() && m.agent_sleeps <= state.tick;
            if state.machines.iter().any(pets) {
                all.extend([1, 2].map(|ticks| Fault::StoppedInPet { ticks }));
            }
        }
        Event::Written { .. } => {
            all.extend([1, 2].map(|ticks| Fault::Late { ticks }));
            all.extend([Fault::NotWritten, Fault::DiesUnwritten]);
        }
        Event::Obey { order, .. } => {
            all.extend([1, 2].map(|ticks| Fault::Late { ticks }));
            all.extend([Fault::Unreached, Fault::Unanswered, Fault::Again { ticks: 1 }]);
            if order.act == PowerAct::Read && !state.misread {
                all.push(Fault::Misread);
            }
        }
        Event::Report { .. } | Event::Probed { .. } => all.push(Fault::Late { ticks: 1 }),
        Event::Boot { .. }
        | Event::StartFencer { .. }
        | Event::StartAgent { .. }
        | Event::Returns { .. }
        | Event::Falls { .. }
        | Event::Bites
        | Event::FencerTurn { .. } => {}
    }
}
