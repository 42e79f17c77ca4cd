//! The keys of all worlds, derived once: a handshake costs more than a second of a quiet cluster.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use palisade_protocol::ids::{BootId, ClusterTag, NodeId, Peer, Role, Start};
use palisade_protocol::keys::{Generation, KEY_LEN, KeyRing, PrivateKey};
use palisade_protocol::postbox::Postbox;

const CLUSTER: ClusterTag = ClusterTag(0x5041);

/// Nodes whose keys are kept; no world of ours is larger.
pub(super) const KEPT: u8 = 8;

/// The postbox of `me`, which writes `version`, with the keys that it shares with `peers`.
pub(super) fn postbox(
    (me, version): (Peer, u8),
    boot: BootId,
    start: Start,
    peers: impl Iterator<Item = Peer>,
) -> Box<Postbox> {
    let mut postbox = Box::new(Postbox::new(CLUSTER, me, boot, start));
    postbox.write_version(version);
    for peer in peers {
        let keys = kept().get(&(me, peer)).cloned();
        postbox.add_peer(peer, keys.unwrap_or_else(|| between(me, peer)));
    }
    postbox
}

fn kept() -> &'static BTreeMap<(Peer, Peer), KeyRing> {
    static KEPT_KEYS: OnceLock<BTreeMap<(Peer, Peer), KeyRing>> = OnceLock::new();
    KEPT_KEYS.get_or_init(|| {
        let nodes = || (1..=KEPT).filter_map(NodeId::new);
        let peers = || nodes().flat_map(|node| [Peer::member(node), Peer::voter(node)]);
        let pairs = peers().flat_map(|me| peers().map(move |peer| (me, peer)));
        let talks = |(me, peer): &(Peer, Peer)| {
            me != peer && (me.role == Role::Voter || peer.role == Role::Voter)
        };
        pairs.filter(talks).map(|(me, peer)| ((me, peer), between(me, peer))).collect()
    })
}

fn between(me: Peer, peer: Peer) -> KeyRing {
    let (mine, theirs) = (private(me.node), private(peer.node).public());
    let me = (me, Generation::Current, &mine);
    let Ok(keys) = KeyRing::between(CLUSTER, me, (peer, theirs, None)) else {
        unreachable!("the keys of a world are good ones")
    };
    keys
}

fn private(node: NodeId) -> PrivateKey {
    PrivateKey::from_bytes([node.get(); KEY_LEN])
}
