//! Frames in and out: every post sealed for every link, every datagram opened or counted.
//!
//! Never looks at where a datagram came from, only at what its tag proves; never decides what a frame
//! is worth.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll};

use palisade_host::config::NodeView;
use palisade_host::keys::PrivateKey;
use palisade_host::link::Links;
use palisade_protocol::ids::{BootId, LinkId, Peer, Start};
use palisade_protocol::keys::KeyRing;
use palisade_protocol::postbox::{DropCounts, Postbox};
use palisade_protocol::wire::{DATAGRAM_MAX, Frame, Post};
use tokio::io::unix::AsyncFd;

use super::readable;
use palisade_host::failure::Failure;

/// The sockets, the keys and the addresses of this fencer.
#[derive(Debug)]
pub(super) struct Mail {
    postbox: Postbox,
    links: Links,
    readable: Vec<(LinkId, AsyncFd<OwnedFd>)>,
    addresses: BTreeMap<Peer, Vec<SocketAddr>>,
    /// A link that was left before all was read.
    unread: Option<LinkId>,
}

impl Mail {
    /// Binds the sockets and derives the keys of this fencer with every agent and every other fencer.
    pub(super) fn open(
        view: NodeView<'_>,
        key: &PrivateKey,
        boot: BootId,
        start: Start,
    ) -> Result<Self, Failure> {
        let postbox = postbox(view, key, boot, start)?;
        let links = Links::bind(&view.node.fencer_binds()).map_err(Failure::machine)?;
        for (link, address) in links.absent() {
            log::warn!("link {}: this machine has no address {address} (yet)", link.get());
        }
        let watch = |link| Ok((link, readable::watch(links.descriptor(link).ok_or_else(gone)?)?));
        let readable: io::Result<_> = links.ids().map(watch).collect();
        let addresses = peers(view).map(|(peer, addresses, _)| (peer, addresses)).collect();
        let readable = readable.map_err(Failure::machine)?;
        Ok(Self { postbox, links, readable, addresses, unread: None })
    }

    /// Sends a post to its peer on every link; what a link does not take is counted there.
    pub(super) fn send(&mut self, post: &Post) {
        let addresses = self.addresses.get(&post.dst).map_or(&[][..], Vec::as_slice);
        let mut datagram = [0; DATAGRAM_MAX];
        for ((link, _), address) in self.readable.iter().zip(addresses) {
            let len = self.postbox.seal(post, *link, &mut datagram);
            self.links.send_to(*link, *address, datagram.get(..len).unwrap_or_default());
        }
    }

    /// Returns a link on which something may have arrived; then [`Self::take`] until it gives nothing.
    /// May be dropped and asked again.
    pub(super) async fn arrived(&mut self) -> io::Result<LinkId> {
        poll_fn(|context| self.poll_arrived(context)).await
    }

    /// Every link.
    pub(super) fn links(&self) -> impl Iterator<Item = LinkId> {
        self.links.ids()
    }

    /// The next authentic frame that arrived on a link; nothing when all are read.
    pub(super) fn take(&mut self, link: LinkId) -> Option<Frame> {
        let mut datagram = [0; DATAGRAM_MAX];
        loop {
            let len = self.links.recv(link, &mut datagram)?;
            match self.postbox.open(link, datagram.get(..len).unwrap_or_default()) {
                Ok(frame) => return Some(frame),
                Err(dropped) => log::trace!("link {}: dropped: {dropped:?}", link.get()),
            }
        }
    }

    /// What was not opened, by reason.
    pub(super) const fn dropped(&self) -> DropCounts {
        self.postbox.dropped()
    }

    /// Not all was read from `link`: it counts as ready again.
    pub(super) const fn more(&mut self, link: LinkId) {
        self.unread = Some(link);
    }

    fn poll_arrived(&mut self, context: &mut Context<'_>) -> Poll<io::Result<LinkId>> {
        if let Some(link) = self.unread.take() {
            return Poll::Ready(Ok(link));
        }
        for (link, readable) in &self.readable {
            if let Poll::Ready(ready) = readable.poll_read_ready(context) {
                // Cleared before the reading: what arrives from now on makes it ready again.
                return Poll::Ready(ready.map(|mut ready| {
                    ready.clear_ready();
                    *link
                }));
            }
        }
        Poll::Pending
    }
}

fn postbox(
    view: NodeView<'_>,
    key: &PrivateKey,
    boot: BootId,
    start: Start,
) -> Result<Postbox, Failure> {
    let me = Peer::voter(view.node.id);
    let mine = view.generation_of(key).map_err(Failure::refused)?;
    let private = key.key();
    let tag = view.cluster.tag();
    let mut postbox = Postbox::new(tag, me, boot, start);
    for (peer, _, (current, next)) in peers(view) {
        let ring = KeyRing::between(tag, (me, mine, &private), (peer, current, next));
        postbox.add_peer(peer, ring.map_err(Failure::usage)?);
    }
    Ok(postbox)
}

type PublishedKeys =
    (palisade_protocol::keys::PublicKey, Option<palisade_protocol::keys::PublicKey>);

/// Everybody that a fencer talks to: every agent, its own node's too, and every other fencer.
fn peers(view: NodeView<'_>) -> impl Iterator<Item = (Peer, Vec<SocketAddr>, PublishedKeys)> {
    let keys = |node: &palisade_host::config::Node| {
        (node.public_key.key(), node.next_public_key.map(|key| key.key()))
    };
    let agents = view.cluster.members();
    let agents =
        agents.map(move |node| (Peer::member(node.id), node.agent_addresses(), keys(node)));
    let me = view.node.id;
    let fencers = view.cluster.voters().filter(move |node| node.id != me);
    let fencers =
        fencers.map(move |node| (Peer::voter(node.id), node.fencer_addresses(), keys(node)));
    agents.chain(fencers)
}

fn gone() -> io::Error {
    io::Error::other("a link that was just bound is gone")
}
