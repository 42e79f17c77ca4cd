//! The agent's letters: seals what the core sends to the voters on every link, opens what comes.
//!
//! Decides nothing: an authentic frame goes to the core, anything else is counted.

use palisade_host::link::Links;
use palisade_protocol::ids::{LinkId, NodeId, Role, VOTERS_MAX};
use palisade_protocol::postbox::{DropCounts, Postbox};
use palisade_protocol::wire::{DATAGRAM_MAX, Frame, Post};
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

/// Where one voter's fencer listens, one address a link.
#[derive(Clone, Debug)]
pub(crate) struct Addressee {
    pub(crate) node: NodeId,
    pub(crate) addresses: Vec<SocketAddr>,
}

/// Sockets, keys and addresses.
#[derive(Debug)]
pub(crate) struct Mail {
    links: Links,
    postbox: Postbox,
    voters: Vec<Addressee>,
    ids: heapless::Vec<LinkId, { palisade_protocol::ids::LINKS_MAX }>,
}

impl Mail {
    /// Over `links`, with the keys in `postbox`, to `voters`.
    pub(crate) fn new(links: Links, postbox: Postbox, voters: Vec<Addressee>) -> Self {
        assert!(voters.len() <= VOTERS_MAX, "the configuration bounds the voters");
        let ids = links.ids().collect();
        Self { links, postbox, voters, ids }
    }

    /// The links, in order.
    pub(crate) fn ids(&self) -> &[LinkId] {
        &self.ids
    }

    /// The descriptor of `link` to wait for.
    pub(crate) fn descriptor(&self, link: LinkId) -> Option<BorrowedFd<'_>> {
        self.links.descriptor(link)
    }

    /// The sockets, for their counts.
    pub(crate) const fn links(&self) -> &Links {
        &self.links
    }

    /// What was not opened, by reason.
    pub(crate) const fn dropped(&self) -> DropCounts {
        self.postbox.dropped()
    }

    /// Sends one frame on every link.
    pub(crate) fn send(&mut self, post: &Post) {
        assert_eq!(post.dst.role, Role::Voter, "an agent writes to voters only");
        let Some(to) = self.voters.iter().find(|voter| voter.node == post.dst.node) else { return };
        let mut datagram = [0; DATAGRAM_MAX];
        for (link, address) in self.ids.iter().zip(&to.addresses) {
            let len = self.postbox.seal(post, *link, &mut datagram);
            let sealed = datagram.get(..len).unwrap_or_default();
            // A link that does not take it is counted there; the others carry it.
            self.links.send_to(*link, *address, sealed);
        }
    }

    /// The next authentic frame on `link`, if one waits.
    pub(crate) fn next(&mut self, link: LinkId) -> Option<Frame> {
        let mut datagram = [0; DATAGRAM_MAX + 1];
        loop {
            let len = self.links.recv(link, &mut datagram)?;
            if let Ok(frame) = self.postbox.open(link, datagram.get(..len).unwrap_or_default()) {
                return Some(frame);
            }
        }
    }
}
