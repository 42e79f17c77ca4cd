//! What ids are called in the configuration.

use std::collections::BTreeMap;

use palisade_host::config::Cluster;
use palisade_protocol::ids::{LinkId, NodeId, Peer, Role};

/// The names of nodes and links.
#[derive(Debug)]
pub(super) struct Names {
    nodes: BTreeMap<NodeId, String>,
    links: Vec<String>,
}

impl Names {
    pub(super) fn of(cluster: &Cluster) -> Self {
        Self {
            nodes: cluster.nodes.iter().map(|node| (node.id, node.name.clone())).collect(),
            links: cluster.links.iter().map(|link| link.name.clone()).collect(),
        }
    }

    /// The node's name.
    pub(super) fn node(&self, id: NodeId) -> &str {
        self.nodes.get(&id).map_or("?", String::as_str)
    }

    /// The node of that name.
    pub(super) fn id(&self, name: &str) -> Option<NodeId> {
        self.nodes.iter().find(|(_, known)| *known == name).map(|(id, _)| *id)
    }

    /// All names of nodes, for whoever mistyped one.
    pub(super) fn list(&self) -> String {
        self.nodes.values().map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    /// The link's name.
    pub(super) fn link(&self, id: LinkId) -> &str {
        self.links.get(usize::from(id.get())).map_or("?", String::as_str)
    }

    /// `agent of node1`.
    pub(super) fn peer(&self, peer: Peer) -> String {
        let role = match peer.role {
            Role::Member => "agent",
            Role::Voter => "fencer",
        };
        format!("{role} of {}", self.node(peer.node))
    }
}
