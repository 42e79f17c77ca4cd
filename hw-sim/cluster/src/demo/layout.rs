//! Where everything of one demo lives: addresses on the loopback and files in one directory.
//!
//! A demo owns one block `127.A.B.0/24`, so that several can run at once. Creates nothing.

use super::node::Node;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};

/// The redundant links.
pub const LINKS: [&str; 2] = ["ring0", "ring1"];
/// Port of the agents, on addresses and binds.
pub const AGENT_PORT: u16 = 7405;
/// Port of the fencers, on addresses and binds.
pub const FENCER_PORT: u16 = 7406;
/// Port of the BMCs; above 1023, so that anybody may run the demo.
pub const BMC_PORT: u16 = 6230;
/// Port of the `/status` applications.
pub const STATUS_PORT: u16 = 7990;

/// A block of loopback addresses that is ours while this lives.
#[derive(Debug)]
pub struct Block {
    first: u8,
    second: u8,
    _claim: UdpSocket,
}

impl Block {
    /// Claims a free block; tries 64 of them from `hint` on.
    pub fn claim(hint: u16) -> Option<Self> {
        (0..64).find_map(|offset: u16| Self::try_claim(hint.wrapping_add(offset)))
    }

    fn try_claim(number: u16) -> Option<Self> {
        let [first, second] = number.to_be_bytes();
        // 127.0.x and 127.1.x are what people use by hand.
        let first = first.max(16);
        let claim = UdpSocket::bind((Ipv4Addr::new(127, first, second, 1), FENCER_PORT)).ok()?;
        Some(Self { first, second, _claim: claim })
    }

    /// Where peers send to: the switch listens there.
    pub fn address(&self, node: Node, link: usize) -> Ipv4Addr {
        self.host(link_base(link), node)
    }

    /// Where the daemons of `node` really listen.
    pub fn bind(&self, node: Node, link: usize) -> Ipv4Addr {
        self.host(link_base(link).saturating_add(100), node)
    }

    /// The BMC of `node`.
    pub fn bmc(&self, node: Node) -> SocketAddr {
        (self.host(200, node), BMC_PORT).into()
    }

    /// The service of `node`.
    pub fn status(&self, node: Node) -> SocketAddr {
        (self.host(220, node), STATUS_PORT).into()
    }

    fn host(&self, base: u8, node: Node) -> Ipv4Addr {
        Ipv4Addr::new(127, self.first, self.second, base.saturating_add(node.number()))
    }
}

const fn link_base(link: usize) -> u8 {
    if link == 0 { 10 } else { 20 }
}

/// The files of one demo.
#[derive(Clone, Debug)]
pub struct Files {
    root: PathBuf,
}

impl Files {
    /// The files below `root`.
    pub const fn below(root: PathBuf) -> Self {
        Self { root }
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The cluster's configuration.
    pub fn config(&self) -> PathBuf {
        self.root.join("palisade.toml")
    }

    /// The directory of one machine.
    pub fn of(&self, node: Node) -> PathBuf {
        self.root.join(node.name())
    }

    /// A file of one machine.
    pub fn file(&self, node: Node, name: &str) -> PathBuf {
        self.of(node).join(name)
    }

    /// The program that fencers run when a node is fenced.
    pub fn hook(&self) -> PathBuf {
        self.root.join("promote-hook")
    }

    /// Where that program reports.
    pub fn hook_socket(&self) -> PathBuf {
        self.root.join("promote.sock")
    }

    /// Every journal.
    pub fn journals(&self) -> Vec<PathBuf> {
        let both = |node| ["agent.jsonl", "fencer.jsonl"].map(|name| self.file(node, name));
        Node::ALL.into_iter().flat_map(both).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn two_demos_get_different_blocks() {
        let one = Block::claim(0x4321).unwrap();
        let other = Block::claim(0x4321).unwrap();
        assert_ne!((one.first, one.second), (other.first, other.second));
    }

    #[test]
    fn no_two_things_share_an_address() {
        let block = Block::claim(0x5500).unwrap();
        let mut seen = BTreeSet::new();
        for node in Node::ALL {
            for link in 0..LINKS.len() {
                assert!(seen.insert(block.address(node, link)));
                assert!(seen.insert(block.bind(node, link)));
            }
        }
        assert!(seen.iter().all(Ipv4Addr::is_loopback));
        assert_eq!(seen.len(), 12);
    }
}
