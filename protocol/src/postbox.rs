//! The border between bytes and frames: seals what a core sends, opens what a link brings.
//!
//! What cannot be opened is a counter and nothing else: no answer, no error, no panic. Never
//! decides whether an authentic frame is fresh; that is [`crate::peer`].

use heapless::Vec;

use crate::ids::{BootId, ClusterTag, LinkId, NODES_MAX, Peer, Start, VOTERS_MAX};
use crate::keys::{KeyRing, TAG_LEN};
use crate::wire::{Body, DATAGRAM_MAX, Frame, PRELUDE_LEN, Post, Prelude, VERSION};

/// Most peers one process talks to: a voter, to every member and every other voter.
pub const PEERS_MAX: usize = NODES_MAX + VOTERS_MAX;

/// Why a datagram was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// Its length or a field of its prelude is impossible.
    Malformed,
    /// It is another cluster's.
    OtherCluster,
    /// It is for somebody else, or came over another link than it says.
    Misdelivered,
    /// Nobody of this name is configured.
    Stranger,
    /// The tag does not fit.
    Forged,
    /// It is authentic, and its body is not the one spelling of anything.
    BadBody,
}

/// How many datagrams were dropped, by reason. Wraps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DropCounts {
    /// See [`Dropped::Malformed`].
    pub malformed: u64,
    /// See [`Dropped::OtherCluster`].
    pub other_cluster: u64,
    /// See [`Dropped::Misdelivered`].
    pub misdelivered: u64,
    /// See [`Dropped::Stranger`].
    pub stranger: u64,
    /// See [`Dropped::Forged`].
    pub forged: u64,
    /// See [`Dropped::BadBody`].
    pub bad_body: u64,
}

/// One process's keys and name, for all its peers.
#[derive(Debug)]
pub struct Postbox {
    cluster: ClusterTag,
    me: Peer,
    boot: BootId,
    start: Start,
    version: u8,
    peers: Vec<(Peer, KeyRing), PEERS_MAX>,
    dropped: DropCounts,
}

impl Postbox {
    /// The postbox of `me`, in this life and this start.
    pub const fn new(cluster: ClusterTag, me: Peer, boot: BootId, start: Start) -> Self {
        let (version, dropped) = (VERSION, DropCounts::new());
        Self { cluster, me, boot, start, version, peers: Vec::new(), dropped }
    }

    /// Names another version than [`VERSION`] in what is sealed from now on: a peer that does not
    /// know it reads the prelude alone, as in a rolling upgrade.
    pub const fn write_version(&mut self, version: u8) {
        self.version = version;
    }

    /// Shares keys with one more peer.
    ///
    /// # Panics
    /// Beyond [`PEERS_MAX`] peers: the configuration bounds them.
    pub fn add_peer(&mut self, peer: Peer, keys: KeyRing) {
        let full = self.peers.push((peer, keys)).is_err();
        assert!(!full, "the configuration bounds the peers");
    }

    /// Makes the datagram that carries `post` over `link`; returns its length.
    ///
    /// # Panics
    /// If the core writes to somebody without a key.
    pub fn seal(&self, post: &Post, link: LinkId, into: &mut [u8; DATAGRAM_MAX]) -> usize {
        let mut body = [0; crate::wire::BODY_MAX];
        let body_len = post.body.encode(&mut body);
        let keys = self.peers.iter().find(|(peer, _)| *peer == post.dst).map(|(_, keys)| keys);
        assert!(keys.is_some(), "a core writes to configured peers only");
        let Some(keys) = keys else { return 0 };
        let prelude = self.prelude(post, link, keys.key_id(post.seq), body_len).to_bytes();
        let signed_len = PRELUDE_LEN.saturating_add(body_len);
        let (signed, room) = into.split_at_mut(signed_len);
        copy(&prelude, signed);
        copy(
            body.get(..body_len).unwrap_or_default(),
            signed.get_mut(PRELUDE_LEN..).unwrap_or_default(),
        );
        copy(&keys.tag(post.seq, signed), room);
        signed_len.saturating_add(TAG_LEN)
    }

    /// Opens a datagram that arrived over `link`.
    ///
    /// # Errors
    /// [`Dropped`], counted, for anything but an authentic frame of a configured peer to this one.
    pub fn open(&mut self, link: LinkId, bytes: &[u8]) -> Result<Frame, Dropped> {
        let opened = self.read(link, bytes);
        if let Err(reason) = opened {
            self.dropped.count(reason);
        }
        opened
    }

    /// How many datagrams were dropped so far, by reason.
    pub const fn dropped(&self) -> DropCounts {
        self.dropped
    }

    fn read(&mut self, link: LinkId, bytes: &[u8]) -> Result<Frame, Dropped> {
        let (prelude, body, tag) = split(bytes).ok_or(Dropped::Malformed)?;
        if prelude.cluster != self.cluster {
            return Err(Dropped::OtherCluster);
        }
        if prelude.dst != self.me || prelude.link != link {
            return Err(Dropped::Misdelivered);
        }
        let keys = self.peers.iter_mut().find(|(peer, _)| *peer == prelude.src);
        let (_, keys) = keys.ok_or(Dropped::Stranger)?;
        let signed = bytes.len().saturating_sub(TAG_LEN);
        if !keys.verifies(prelude.key_id, bytes.get(..signed).unwrap_or_default(), tag) {
            return Err(Dropped::Forged);
        }
        let body = Body::decode(prelude.version, prelude.kind, body).ok_or(Dropped::BadBody)?;
        Ok(frame(&prelude, body))
    }

    const fn prelude(&self, post: &Post, link: LinkId, key_id: u8, body_len: usize) -> Prelude {
        Prelude {
            version: self.version,
            kind: post.body.kind(),
            key_id,
            link,
            cluster: self.cluster,
            src: self.me,
            dst: post.dst,
            boot: self.boot,
            start: self.start,
            seq: post.seq,
            echo: post.echo,
            body_len: body_len.to_le_bytes()[0],
        }
    }
}

impl DropCounts {
    const fn new() -> Self {
        Self {
            malformed: 0,
            other_cluster: 0,
            misdelivered: 0,
            stranger: 0,
            forged: 0,
            bad_body: 0,
        }
    }

    const fn count(&mut self, reason: Dropped) {
        let counter = match reason {
            Dropped::Malformed => &mut self.malformed,
            Dropped::OtherCluster => &mut self.other_cluster,
            Dropped::Misdelivered => &mut self.misdelivered,
            Dropped::Stranger => &mut self.stranger,
            Dropped::Forged => &mut self.forged,
            Dropped::BadBody => &mut self.bad_body,
        };
        *counter = counter.wrapping_add(1);
    }
}

/// The three parts of a datagram whose lengths add up.
fn split(bytes: &[u8]) -> Option<(Prelude, &[u8], &[u8])> {
    if bytes.len() > DATAGRAM_MAX {
        return None;
    }
    let (head, rest) = bytes.split_at_checked(PRELUDE_LEN)?;
    let prelude = Prelude::from_bytes(head)?;
    let (body, tag) = rest.split_at_checked(usize::from(prelude.body_len))?;
    (tag.len() == TAG_LEN).then_some((prelude, body, tag))
}

const fn frame(prelude: &Prelude, body: Body) -> Frame {
    Frame {
        src: prelude.src,
        link: prelude.link,
        boot: prelude.boot,
        start: prelude.start,
        seq: prelude.seq,
        echo: prelude.echo,
        body,
    }
}

fn copy(from: &[u8], to: &mut [u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}
