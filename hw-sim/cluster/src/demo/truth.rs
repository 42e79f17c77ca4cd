//! Ground truth: which machine could really act, where the service really ran, and which power
//! commands the BMCs really obeyed. Records; never judges.

use super::node::Node;
use palisade_protocol::time::Instant;

/// A stretch of time on one machine: a life, or a service running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spell {
    /// The machine.
    pub node: Node,
    /// The first instant.
    pub from: Instant,
    /// The end; `None` while it lasts.
    pub to: Option<Instant>,
    /// Why it ended, for a reader.
    pub end: &'static str,
}

impl Spell {
    /// Whether it lasts at `at`; the end itself no longer belongs to it.
    pub fn covers(&self, at: Instant) -> bool {
        self.from <= at && self.to.is_none_or(|to| at < to)
    }

    /// Whether the two share an instant.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.from < other.end_or_never() && other.from < self.end_or_never()
    }

    /// The end, or never.
    pub fn end_or_never(&self) -> Instant {
        self.to.unwrap_or(Instant::NEVER)
    }
}

/// Spells of one kind, in order of their beginnings.
#[derive(Clone, Debug, Default)]
pub struct Spells(Vec<Spell>);

impl Spells {
    /// Begins a spell; nothing happens if one lasts on `node`.
    pub fn begin(&mut self, node: Node, at: Instant) {
        if !self.lasts(node) {
            self.0.push(Spell { node, from: at, to: None, end: "" });
        }
    }

    /// Ends the spell that lasts on `node`; false if none does.
    pub fn end(&mut self, node: Node, at: Instant, why: &'static str) -> bool {
        let spell = self.0.iter_mut().find(|spell| spell.node == node && spell.to.is_none());
        let ended = spell.is_some();
        if let Some(spell) = spell {
            spell.to = Some(at);
            spell.end = why;
        }
        ended
    }

    /// Whether a spell lasts on `node` now.
    pub fn lasts(&self, node: Node) -> bool {
        self.of(node).any(|spell| spell.to.is_none())
    }

    /// The spell of `node` that covers `at`.
    pub fn at(&self, node: Node, at: Instant) -> Option<&Spell> {
        self.of(node).find(|spell| spell.covers(at))
    }

    /// The spells of `node`.
    pub fn of(&self, node: Node) -> impl Iterator<Item = &Spell> {
        self.0.iter().filter(move |spell| spell.node == node)
    }

    /// Every spell.
    pub fn iter(&self) -> impl Iterator<Item = &Spell> {
        self.0.iter()
    }
}

/// What a BMC obeyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Power down.
    Off,
    /// Power up.
    On,
    /// Reset, cycle or anything else that ends a life; the fencers never send it.
    Other,
}

/// A power command that a BMC obeyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// When it was obeyed.
    pub at: Instant,
    /// Whose BMC.
    pub node: Node,
    /// The command.
    pub order: Order,
}

/// Everything that was really so.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// A machine could act: powered, running, not reset.
    pub lives: Spells,
    /// The service ran on it.
    pub services: Spells,
    /// Power commands obeyed.
    pub commands: Vec<Command>,
    /// Watchdogs that bit a running machine.
    pub bites: Vec<(Node, Instant)>,
    /// Machines that the script itself ended (crash, mains): no fencing.
    pub scripted_ends: Vec<(Node, Instant)>,
}

impl Truth {
    /// The machine's life, and with it the service on it, is over.
    pub fn end_life(&mut self, node: Node, at: Instant, why: &'static str) {
        self.lives.end(node, at, why);
        self.services.end(node, at, why);
    }

    /// Ends of life that neither the script nor a power command explains.
    pub fn unscripted_ends(&self) -> impl Iterator<Item = &Spell> {
        self.lives
            .iter()
            .filter(|life| life.to.is_some_and(|to| !self.scripted_ends.contains(&(life.node, to))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    #[test]
    fn a_life_that_ends_takes_its_service_along() {
        let mut truth = Truth::default();
        truth.lives.begin(Node::OWNER, ms(1));
        truth.services.begin(Node::OWNER, ms(2));
        truth.end_life(Node::OWNER, ms(9), "power off");
        assert!(truth.lives.at(Node::OWNER, ms(8)).is_some());
        assert!(truth.lives.at(Node::OWNER, ms(9)).is_none());
        assert!(!truth.services.lasts(Node::OWNER));
    }

    #[test]
    fn spells_that_only_touch_do_not_overlap() {
        let first = Spell { node: Node::OWNER, from: ms(1), to: Some(ms(5)), end: "" };
        let next = Spell { node: Node::STANDBY, from: ms(5), to: None, end: "" };
        assert!(!first.overlaps(&next));
        assert!(next.overlaps(&Spell { to: Some(ms(6)), ..first }));
    }

    #[test]
    fn an_end_that_the_script_wrote_is_no_surprise() {
        let mut truth = Truth::default();
        for node in [Node::OWNER, Node::STANDBY] {
            truth.lives.begin(node, ms(1));
            truth.end_life(node, ms(5), "mains");
        }
        truth.scripted_ends.push((Node::OWNER, ms(5)));
        let surprises: Vec<_> = truth.unscripted_ends().map(|life| life.node).collect();
        assert_eq!(surprises, [Node::STANDBY]);
    }
}
