//! One frame of the golden vectors, as a value and as bytes.

use palisade_protocol::ids::{BootId, ClusterTag, LinkId, NodeMask, Peer, Seq, Start};
use palisade_protocol::keys::{Generation, KeyRing, PrivateKey, PublicKey};
use palisade_protocol::postbox::Postbox;
use palisade_protocol::wire::{
    Agreed, Beat, Body, Condemn, DATAGRAM_MAX, Declined, DogReport, Echo, Fenced, FencedAck, Frame,
    Grant, HeardMatrix, Kind, Leave, LeaveAck, Pardon, Post, Renew, Request, Withhold,
};

use super::names::Named;
use super::stanza::{Stanza, stanzas};

/// What a build of version 1 reads in a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    /// This, and writes it so too.
    Written(Body),
    /// Only that something newer is alive.
    Unreadable(Kind),
}

/// One frame.
#[derive(Debug)]
pub(crate) struct Vector {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it says.
    pub(crate) says: Says,
    /// The kind in its prelude.
    pub(crate) kind: Kind,
    /// The body.
    pub(crate) body: Vec<u8>,
    /// All of it.
    pub(crate) datagram: Vec<u8>,
    /// The value it must be read as.
    pub(crate) frame: Frame,
    cluster: ClusterTag,
    dst: Peer,
    key_id: u8,
}

impl Vector {
    /// All of the file.
    pub(crate) fn all() -> Vec<Self> {
        stanzas("frame").iter().map(Self::read).collect()
    }

    fn read(stanza: &Stanza) -> Self {
        let kind = Kind(stanza.number("kind"));
        let says = says(stanza, kind);
        Self {
            name: stanza.name,
            says,
            kind,
            body: stanza.bytes("body"),
            datagram: stanza.bytes("datagram"),
            frame: frame(stanza, says),
            cluster: ClusterTag(stanza.number("cluster")),
            dst: stanza.peer("dst"),
            key_id: stanza.number("key_id"),
        }
    }

    /// The datagram that this build writes for the value.
    pub(crate) fn sealed(&self) -> Vec<u8> {
        let (mut sender, mut receiver) = (self.sender(), self.receiver());
        introduce(&mut receiver, self.frame.src, &mut sender);
        let Frame { seq, echo, body, .. } = self.frame;
        let mut room = [0; DATAGRAM_MAX];
        let len = sender.seal(&Post { dst: self.dst, seq, echo, body }, self.frame.link, &mut room);
        room[..len].to_vec()
    }

    /// The postbox that the frame comes from.
    fn sender(&self) -> Postbox {
        let mut keys =
            Keys { cluster: self.cluster, me: self.frame.src, mine: Generation::Current };
        keys.mine = generation(self.key_id & 1);
        let mut postbox = keys.postbox(self.frame.boot, self.frame.start);
        postbox.add_peer(self.dst, keys.ring(self.dst));
        postbox
    }

    /// A postbox that the frame is for.
    pub(crate) fn receiver(&self) -> Postbox {
        let keys = Keys { cluster: self.cluster, me: self.dst, mine: generation(self.key_id >> 1) };
        let mut postbox = keys.postbox(BootId(1), Start::new(1));
        postbox.add_peer(self.frame.src, keys.ring(self.frame.src));
        postbox
    }
}

/// Lets `to` hear `from` once, so that it knows which keys `from` has.
fn introduce(from: &mut Postbox, dst: Peer, to: &mut Postbox) {
    let link = LinkId::new(0).expect("a link");
    let mut room = [0; DATAGRAM_MAX];
    let heard = [1, 2].map(Seq).map(|seq| {
        let len = from.seal(&Post { dst, seq, echo: None, body: Body::Hello }, link, &mut room);
        to.open(link, &room[..len]).is_ok()
    });
    assert!(heard.contains(&true), "one of two frames is for the right key");
}

fn generation(bit: u8) -> Generation {
    if bit == 0 { Generation::Current } else { Generation::Next }
}

/// The keys of the file, as one process has them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keys {
    /// Its cluster.
    pub(crate) cluster: ClusterTag,
    /// Who it is.
    pub(crate) me: Peer,
    /// Which of its node's keys it holds.
    pub(crate) mine: Generation,
}

impl Keys {
    /// A postbox without peers.
    pub(crate) const fn postbox(&self, boot: BootId, start: Start) -> Postbox {
        Postbox::new(self.cluster, self.me, boot, start)
    }

    /// The keys shared with `peer`, all that are published for its node.
    pub(crate) fn ring(&self, peer: Peer) -> KeyRing {
        let own = key(self.me, self.mine).expect("a key of its own");
        let own = PrivateKey::from_bytes(half(&own, "private"));
        let theirs = |generation| key(peer, generation).map(|key| PublicKey(half(&key, "public")));
        let current = theirs(Generation::Current).expect("a published key");
        let next = theirs(Generation::Next);
        KeyRing::between(self.cluster, (self.me, self.mine, &own), (peer, current, next))
            .expect("no weak key")
    }
}

fn key(of: Peer, generation: Generation) -> Option<Stanza> {
    let which = match generation {
        Generation::Current => "current",
        Generation::Next => "next",
    };
    let name = format!("node{}.{which}", of.node.get());
    stanzas("key").into_iter().find(|stanza| stanza.name == name)
}

fn half(key: &Stanza, which: &str) -> [u8; 32] {
    key.bytes(which).try_into().expect("32 bytes")
}

fn frame(stanza: &Stanza, says: Says) -> Frame {
    let echo = stanza.pair("echo");
    Frame {
        src: stanza.peer("src"),
        link: LinkId::new(stanza.number("link")).expect("a link"),
        boot: BootId(stanza.number("boot")),
        start: Start::new(stanza.number("start")),
        seq: Seq(stanza.number("seq")),
        echo: echo.map(|(start, seq)| Echo { start: Start::new(start), seq: Seq(seq) }),
        body: match says {
            Says::Written(body) => body,
            Says::Unreadable(kind) => Body::Unreadable(kind),
        },
    }
}

fn says(stanza: &Stanza, kind: Kind) -> Says {
    Says::Written(match stanza.text("says") {
        "unreadable" => return Says::Unreadable(kind),
        "renew" => Body::Renew(renew(stanza)),
        "grant" => Body::Grant(Grant {
            fenceable: stanza.flag("body.fenceable"),
            heard_links: stanza.number("body.heard_links"),
        }),
        "withhold" => Body::Withhold(Withhold { why: named(stanza, "body.why") }),
        "hello" => Body::Hello,
        "request" => Body::Request(Request { why: named(stanza, "body.why") }),
        "leave" => Body::Leave(Leave {}),
        "leave-ack" => Body::LeaveAck(LeaveAck {}),
        "beat" => Body::Beat(Beat {
            holding: stanza.flag("body.holding"),
            granting: NodeMask(stanza.number("body.granting")),
            config: stanza.number("body.config"),
        }),
        other => sentence(stanza, other),
    })
}

/// The bodies that name a life.
fn sentence(stanza: &Stanza, says: &str) -> Body {
    let target = stanza.node("body.target");
    let boot = BootId(stanza.number("body.boot"));
    match says {
        "condemn" => Body::Condemn(Condemn {
            target,
            boot,
            why: named(stanza, "body.why"),
            bind: stanza.flag("body.bind"),
            silent_ms: stanza.maybe("body.silent_ms"),
        }),
        "agreed" => Body::Agreed(Agreed {
            target,
            boot,
            bound: stanza.flag("body.bound"),
            promise_over: stanza.flag("body.promise_over"),
            dog_trusted: stanza.flag("body.dog_trusted"),
        }),
        "declined" => Body::Declined(Declined { target, boot, why: named(stanza, "body.why") }),
        "fenced" => Body::Fenced(Fenced { target, boot, proof: named(stanza, "body.proof") }),
        "fenced-ack" => Body::FencedAck(FencedAck { target, boot }),
        "pardon" => Body::Pardon(Pardon { target, boot }),
        other => panic!("{}: {other} is no kind", stanza.name),
    }
}

fn renew(stanza: &Stanza) -> Renew {
    Renew {
        verdict: named(stanza, "body.verdict"),
        dog: DogReport {
            armed: stanza.flag("body.armed"),
            certified: stanza.flag("body.certified"),
            class: named(stanza, "body.class"),
            timeout_ms: stanza.number("body.timeout_ms"),
            fire_ms: stanza.number("body.fire_ms"),
        },
        heard: HeardMatrix(stanza.number("body.heard")),
        config: stanza.number("body.config"),
    }
}

fn named<T: Named>(stanza: &Stanza, field: &str) -> T {
    T::named(stanza.text(field))
}
