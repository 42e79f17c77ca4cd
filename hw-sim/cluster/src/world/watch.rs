//! Somebody who watches a world event by event. Sees all and changes nothing.

use std::fmt::Debug;
use std::ops::ControlFlow;

use palisade_protocol::ids::{NodeId, Peer, Role};
use palisade_protocol::time::Instant;
use palisade_protocol::wire::{Body, Kind, PRELUDE_LEN, Prelude, VERSION};

use super::World;
use super::queue::{Happening, Letter};

/// One event of a world.
#[derive(Clone, Debug)]
pub struct Event {
    /// When.
    pub at: Instant,
    /// How many happened before it.
    pub number: u64,
    /// Whose machine it happens to, if to one.
    pub node: Option<NodeId>,
    /// What, in words.
    pub what: String,
}

/// Who watches.
pub trait Watch: Debug {
    /// Whether what happens now, to the machine of `node`, is worth a look.
    fn wants(&self, at: Instant, node: Option<NodeId>) -> bool;

    /// Right before it happens.
    fn before(&mut self, world: &World);

    /// Right after; whether the world is to go on.
    fn after(&mut self, world: &World, event: &Event) -> ControlFlow<()>;
}

impl World {
    /// From now on, `watch` is told of every event.
    pub fn watch(&mut self, watch: Box<dyn Watch>) {
        self.watch = Some(watch);
    }

    /// The state of the machine of `node`, its daemons and its hardware, as its types print it.
    pub fn state_of(&self, node: NodeId) -> String {
        let machine = self.machines.iter().find(|machine| machine.id == node);
        machine.map_or_else(String::new, |machine| format!("{machine:#?}"))
    }

    pub(super) fn happen_watched(&mut self, happening: Happening, mut watch: Box<dyn Watch>) {
        let node = self.node_of(&happening);
        if !watch.wants(self.now, node) {
            self.happen(happening);
            self.watch = Some(watch);
            return;
        }
        let (at, number) = (self.now, self.events);
        let event = Event { at, number, node, what: self.in_words(&happening) };
        watch.before(self);
        self.happen(happening);
        match watch.after(self, &event) {
            ControlFlow::Continue(()) => self.watch = Some(watch),
            ControlFlow::Break(()) => self.is_over = true,
        }
    }

    fn node_of(&self, happening: &Happening) -> Option<NodeId> {
        match *happening {
            Happening::Arrive { letter } => Some(self.mail.letter(letter).to.node),
            Happening::BmcAnswers { asker, .. } => Some(asker),
            Happening::AgentTurn { node }
            | Happening::FencerTurn { node }
            | Happening::PetLands { node, .. }
            | Happening::Written { node, .. }
            | Happening::PowerFalls { node, .. }
            | Happening::PowerReturns { node, .. }
            | Happening::Booted { node, .. }
            | Happening::DogBites { node, .. }
            | Happening::SelfFenced { node, .. }
            | Happening::AgentGoesOn { node, .. }
            | Happening::FencerGoesOn { node, .. }
            | Happening::MachineGoesOn { node, .. }
            | Happening::AgentStarts { node, .. }
            | Happening::FencerStarts { node, .. } => Some(node),
            Happening::Replay { .. } => None,
        }
    }

    fn in_words(&self, happening: &Happening) -> String {
        match *happening {
            Happening::Arrive { letter } => told(self.mail.letter(letter)),
            Happening::AgentTurn { node } => format!("a turn of the agent of {node}"),
            Happening::FencerTurn { node } => format!("a turn of the fencer of {node}"),
            Happening::PetLands { node, .. } => format!("the stalled pet of {node} lands"),
            Happening::Written { node, .. } => format!("the disk of {node} has written"),
            Happening::BmcAnswers { asker, order, .. } => self.answered(asker, order),
            Happening::PowerFalls { node, .. } => format!("the BMC of {node} cuts its power"),
            Happening::PowerReturns { node, .. } => format!("power returns to {node}"),
            Happening::Booted { node, .. } => format!("{node} has booted"),
            Happening::DogBites { node, .. } => format!("the watchdog of {node} looks"),
            Happening::SelfFenced { node, .. } => format!("{node} ends its own life"),
            Happening::AgentGoesOn { node, .. } => format!("the agent of {node} goes on"),
            Happening::FencerGoesOn { node, .. } => format!("the fencer of {node} goes on"),
            Happening::MachineGoesOn { node, .. } => format!("the machine {node} goes on"),
            Happening::AgentStarts { node, .. } => format!("the agent of {node} starts"),
            Happening::FencerStarts { node, .. } => format!("the fencer of {node} starts"),
            Happening::Replay { left } => format!("the adversary plays back, {left} left"),
        }
    }

    fn answered(&self, asker: NodeId, order: u32) -> String {
        let asked = self.asked.get(usize::try_from(order).unwrap_or(usize::MAX));
        let what = asked.map_or_else(String::new, |asked| {
            format!(" to {:?} of {}", asked.order.act, asked.order.id.target)
        });
        format!("the BMC's answer{what} reaches the fencer of {asker}, or its silence does")
    }
}

fn told(letter: &Letter) -> String {
    let replayed = if letter.replayed { ", played back" } else { "" };
    let corrupt = if letter.corrupt { ", corrupt" } else { "" };
    let to = named(letter.to);
    let Some((prelude, body)) = read(letter.bytes()) else {
        return format!("{to} receives something unreadable{replayed}{corrupt}");
    };
    let (from, link, seq) = (named(prelude.src), prelude.link.get(), prelude.seq.0);
    format!("{to} receives from {from} #{seq} over link {link}{replayed}{corrupt}: {body}")
}

fn named(peer: Peer) -> String {
    match peer.role {
        Role::Member => format!("the agent of {}", peer.node),
        Role::Voter => format!("the fencer of {}", peer.node),
    }
}

fn read(bytes: &[u8]) -> Option<(Prelude, String)> {
    let (prelude, rest) = bytes.split_at_checked(PRELUDE_LEN)?;
    let prelude = Prelude::from_bytes(prelude)?;
    let body = rest.get(..usize::from(prelude.body_len))?;
    Some((prelude, body_words(&prelude, prelude.kind, body)))
}

/// Any version's body as this one's: the next differs in its number alone here.
fn body_words(prelude: &Prelude, kind: Kind, body: &[u8]) -> String {
    let version = prelude.version;
    let mark = if version == VERSION { String::new() } else { format!(" (version {version})") };
    Body::decode(VERSION, kind, body)
        .map_or_else(|| "?".to_owned(), |body| format!("{body:?}{mark}"))
}
