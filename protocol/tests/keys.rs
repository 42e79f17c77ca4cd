//! Who can speak for whom: pairwise keys, their rotation, and everything that must not pass.
#![expect(clippy::expect_used, reason = "a helper that cannot go on must stop the test")]

use palisade_protocol::ids::{BootId, ClusterTag, LinkId, NodeId, Peer, Seq, Start};
use palisade_protocol::keys::{Generation, KeyRing, PrivateKey, PublicKey, WeakKey};
use palisade_protocol::postbox::{Dropped, Postbox};
use palisade_protocol::wire::{Body, DATAGRAM_MAX, Frame, Post};

const CLUSTER: ClusterTag = ClusterTag(0xbeef);

/// Byte of the prelude that names the link.
const LINK_AT: usize = 3;
/// First byte of the cluster.
const CLUSTER_AT: usize = 4;
/// Byte of the prelude that names the sender.
const SRC_AT: usize = 6;
/// Byte of the prelude that names the receiver.
const DST_AT: usize = 7;

/// One process, with the key of its node that it was started with.
struct Process {
    me: Peer,
    mine: Generation,
    private: PrivateKey,
    postbox: Postbox,
    sent: u32,
}

impl Process {
    fn new(me: Peer, mine: Generation) -> Self {
        Self::in_cluster(CLUSTER, me, mine, private(me, mine))
    }

    fn in_cluster(cluster: ClusterTag, me: Peer, mine: Generation, private: PrivateKey) -> Self {
        let postbox = Postbox::new(cluster, me, BootId(7), Start::new(9));
        Self { me, mine, private, postbox, sent: 0 }
    }

    /// Shares keys with `peer`, whose node has published both its keys.
    fn knows_both_of(self, peer: Peer) -> Self {
        self.knows(CLUSTER, peer, Some(public(peer, Generation::Next)))
    }

    /// Shares keys with `peer`, whose node has published one.
    fn knows_one_of(self, peer: Peer) -> Self {
        self.knows(CLUSTER, peer, None)
    }

    fn knows(mut self, cluster: ClusterTag, peer: Peer, next: Option<PublicKey>) -> Self {
        let own = (self.me, self.mine, &self.private);
        let ring = KeyRing::between(cluster, own, (peer, public(peer, Generation::Current), next));
        self.postbox.add_peer(peer, ring.expect("no weak key"));
        self
    }

    fn writes_to(&mut self, dst: Peer) -> Vec<u8> {
        self.sent += 1;
        let post = Post { dst, seq: Seq(self.sent), echo: None, body: Body::Hello };
        let mut room = [0; DATAGRAM_MAX];
        let len = self.postbox.seal(&post, link(0), &mut room);
        room[..len].to_vec()
    }

    fn reads(&mut self, datagram: &[u8]) -> Result<Frame, Dropped> {
        self.postbox.open(link(0), datagram)
    }
}

fn link(id: u8) -> LinkId {
    LinkId::new(id).expect("a link")
}

fn agent(id: u8) -> Peer {
    Peer::member(NodeId::new(id).expect("a node"))
}

fn fencer(id: u8) -> Peer {
    Peer::voter(NodeId::new(id).expect("a node"))
}

fn private(of: Peer, generation: Generation) -> PrivateKey {
    let turn = match generation {
        Generation::Current => 0,
        Generation::Next => 100,
    };
    PrivateKey::from_bytes([of.node.get() + turn; 32])
}

fn public(of: Peer, generation: Generation) -> PublicKey {
    private(of, generation).public()
}

/// Lets both write a few frames; whether each heard the other.
fn talk(one: &mut Process, other: &mut Process) -> (bool, bool) {
    let mut heard = (false, false);
    for _ in 0..3 {
        let there = one.writes_to(other.me);
        heard.1 |= other.reads(&there).is_ok();
        let back = other.writes_to(one.me);
        heard.0 |= one.reads(&back).is_ok();
    }
    heard
}

#[test]
fn two_processes_hear_each_other_whichever_of_their_published_keys_each_holds() {
    for mine in [Generation::Current, Generation::Next] {
        for theirs in [Generation::Current, Generation::Next] {
            let mut one = Process::new(agent(1), mine).knows_both_of(fencer(2));
            let mut other = Process::new(fencer(2), theirs).knows_both_of(agent(1));
            assert_eq!(talk(&mut one, &mut other), (true, true), "{mine:?} and {theirs:?}");
        }
    }
}

#[test]
fn a_cluster_rotates_node_by_node_and_nobody_falls_silent() {
    let mut one = Process::new(agent(1), Generation::Current).knows_both_of(fencer(2));
    let mut other = Process::new(fencer(2), Generation::Current).knows_both_of(agent(1));
    assert_eq!(talk(&mut one, &mut other), (true, true), "before");
    let mut one = Process::new(agent(1), Generation::Next).knows_both_of(fencer(2));
    assert_eq!(talk(&mut one, &mut other), (true, true), "the agent has its next key");
    let mut other = Process::new(fencer(2), Generation::Next).knows_both_of(agent(1));
    assert_eq!(talk(&mut one, &mut other), (true, true), "the fencer too");
    assert!(other.reads(&one.writes_to(fencer(2))).is_ok(), "and now every frame is for it");
    assert!(other.reads(&one.writes_to(fencer(2))).is_ok(), "and now every frame is for it");
}

#[test]
fn a_process_not_in_rotation_never_tries_a_second_key() {
    let mut one = Process::new(agent(1), Generation::Current).knows_one_of(fencer(2));
    let mut other = Process::new(fencer(2), Generation::Current).knows_one_of(agent(1));
    for _ in 0..4 {
        assert!(other.reads(&one.writes_to(fencer(2))).is_ok());
    }
}

#[test]
fn a_replay_of_the_old_key_never_moves_a_peer_back() {
    let mut before = Process::new(agent(1), Generation::Current).knows_both_of(fencer(2));
    let mut after = Process::new(agent(1), Generation::Next).knows_both_of(fencer(2));
    let mut voter = Process::new(fencer(2), Generation::Current).knows_both_of(agent(1));
    let recording = before.writes_to(fencer(2));
    assert!(voter.reads(&recording).is_ok());
    assert!(voter.reads(&after.writes_to(fencer(2))).is_ok());
    assert!(
        voter.reads(&recording).is_ok(),
        "authentic still: whether it is of now is asked later"
    );
    for _ in 0..2 {
        let answer = voter.writes_to(agent(1));
        assert!(after.reads(&answer).is_ok());
        assert_eq!(before.reads(&answer), Err(Dropped::Forged));
    }
}

#[test]
fn a_key_that_nobody_published_is_no_key() {
    let mut agent_next = Process::new(agent(1), Generation::Next).knows_both_of(fencer(2));
    let mut voter = Process::new(fencer(2), Generation::Current).knows_one_of(agent(1));
    assert_eq!(voter.reads(&agent_next.writes_to(fencer(2))), Err(Dropped::Forged));
}

#[test]
fn a_public_key_of_small_order_is_refused_by_the_name_of_its_node() {
    for point in small_order() {
        let own = private(agent(1), Generation::Current);
        let me = (agent(1), Generation::Current, &own);
        let good = public(fencer(2), Generation::Current);
        let refused = WeakKey { peer: fencer(2) };
        let current = KeyRing::between(CLUSTER, me, (fencer(2), point, None));
        assert_eq!(current.map(drop), Err(refused), "{point:02x?}");
        let next = KeyRing::between(CLUSTER, me, (fencer(2), good, Some(point)));
        assert_eq!(next.map(drop), Err(refused), "{point:02x?}");
    }
}

/// Every encoding of a point of small order whose top bit is clear, beginning with 0, 1, p − 1, p,
/// p + 1. The two of order 8 are those of RFC 7748's reference list at cr.yp.to/ecdh.html.
fn small_order() -> Vec<PublicKey> {
    let small = |low: u8| [&[low][..], &[0; 31]].concat();
    let near_p = |low: u8| [&[low][..], &[0xff; 30], &[0x7f]].concat();
    let of_order_8 = [
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    ];
    let hex = |text: &str| -> Vec<u8> {
        let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
        (0..text.len()).step_by(2).map(byte).collect()
    };
    let points = [small(0), small(1), near_p(0xec), near_p(0xed), near_p(0xee)];
    let all = points.into_iter().chain(of_order_8.map(hex));
    all.map(|point| PublicKey(point.try_into().expect("32 bytes"))).collect()
}

#[test]
fn the_keys_of_two_nodes_differ_for_each_pair_of_their_processes() {
    let pairs = [
        (agent(1), fencer(2)),
        (fencer(1), agent(2)),
        (fencer(1), fencer(2)),
        (agent(1), agent(2)),
    ];
    for (src, dst) in pairs {
        let datagram = Process::new(src, Generation::Current).knows_one_of(dst).writes_to(dst);
        for (other_src, other_dst) in pairs {
            let mut claimed = datagram.clone();
            (claimed[SRC_AT], claimed[DST_AT]) = (other_src.to_byte(), other_dst.to_byte());
            let mut reader = Process::new(other_dst, Generation::Current).knows_one_of(other_src);
            let same = (src, dst) == (other_src, other_dst);
            assert_eq!(reader.reads(&claimed).is_ok(), same, "{src} as {other_src}");
        }
    }
}

#[test]
fn a_stolen_node_cannot_forge_the_word_of_another() {
    let thief = private(agent(3), Generation::Current);
    let mut forger = Process::in_cluster(CLUSTER, fencer(1), Generation::Current, thief);
    forger = forger.knows_one_of(fencer(2));
    let mut voter = Process::new(fencer(2), Generation::Current)
        .knows_one_of(fencer(1))
        .knows_one_of(fencer(3));
    assert_eq!(voter.reads(&forger.writes_to(fencer(2))), Err(Dropped::Forged));
}

#[test]
fn a_frame_sent_back_to_its_sender_is_refused() {
    let mut one = Process::new(fencer(1), Generation::Current).knows_one_of(fencer(2));
    let mut reflected = one.writes_to(fencer(2));
    assert_eq!(one.reads(&reflected), Err(Dropped::Misdelivered));
    reflected.swap(SRC_AT, DST_AT);
    assert_eq!(one.reads(&reflected), Err(Dropped::Forged), "with its names exchanged");
}

#[test]
fn a_frame_carried_to_another_link_or_cluster_is_refused() {
    let mut one = Process::new(agent(1), Generation::Current).knows_one_of(fencer(2));
    let mut voter = Process::new(fencer(2), Generation::Current).knows_one_of(agent(1));
    let mut other_link = one.writes_to(fencer(2));
    assert_eq!(voter.postbox.open(link(1), &other_link), Err(Dropped::Misdelivered));
    other_link[LINK_AT] = 1;
    assert_eq!(voter.postbox.open(link(1), &other_link), Err(Dropped::Forged));

    let mut neighbour = one.writes_to(fencer(2));
    let there = ClusterTag(CLUSTER.0 ^ 1);
    let own = private(fencer(2), Generation::Current);
    let mut their_voter = Process::in_cluster(there, fencer(2), Generation::Current, own);
    their_voter = their_voter.knows(there, agent(1), None);
    assert_eq!(their_voter.reads(&neighbour), Err(Dropped::OtherCluster));
    neighbour[CLUSTER_AT] ^= 1;
    assert_eq!(
        their_voter.reads(&neighbour),
        Err(Dropped::Forged),
        "the same keys, put in by hand"
    );
}

#[test]
fn no_secret_is_shown() {
    let process = Process::new(agent(1), Generation::Current).knows_both_of(fencer(2));
    assert_eq!(format!("{:?}", process.private), "PrivateKey(..)");
    let shown = format!("{:?}", process.postbox);
    assert!(shown.contains("KeyRing { mine: Current, heard: None, .. }"), "{shown}");
}
