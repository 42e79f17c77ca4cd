//! The three machines of the demo, by number. Knows names, never addresses or states.

use std::fmt;

/// One of the simulated machines, `node1` to `node3`; its number is also its node id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node(u8);

impl Node {
    /// Every machine, in order.
    pub const ALL: [Self; 3] = [Self(1), Self(2), Self(3)];
    /// The machine that runs the service when the demo begins.
    pub const OWNER: Self = Self(1);
    /// The machine that takes the service over.
    pub const STANDBY: Self = Self(2);

    /// The node id, 1 to 3.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Place in a table with one row per machine.
    pub fn index(self) -> usize {
        usize::from(self.0.saturating_sub(1))
    }

    /// The name that the configuration and the journals use.
    pub fn name(self) -> String {
        self.to_string()
    }

    /// The machine of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|node| node.name() == name)
    }

    /// The other machines.
    pub fn others(self) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |other| *other != self)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "node{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_back_to_its_machine() {
        for node in Node::ALL {
            assert_eq!(Node::from_name(&node.name()), Some(node));
        }
        assert_eq!(Node::from_name("node4"), None);
    }
}
